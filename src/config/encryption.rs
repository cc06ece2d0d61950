//! The keys that seal grants.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use secrecy::SecretString;

use super::reader::Reader;
use super::variables::OAUTH_ENCRYPTION_KEY;

/// The keys that seal grants: the first seals, all open (rotation).
#[derive(Debug, Clone)]
pub struct Encryption {
    /// Fernet keys, at least one, each checked for its shape.
    pub keys: Vec<SecretString>,
}

impl Encryption {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let keys = reader.read(&OAUTH_ENCRYPTION_KEY, parse)?;
        Some(Self { keys })
    }
}

fn parse(text: &str) -> Result<Vec<SecretString>, String> {
    let keys: Vec<&str> = text
        .split(|letter: char| letter == ',' || letter.is_whitespace())
        .filter(|key| !key.is_empty())
        .collect();
    if keys.is_empty() {
        return Err("it holds no key".to_owned());
    }
    for (position, key) in keys.iter().enumerate() {
        let number = position + 1;
        if !URL_SAFE.decode(key).is_ok_and(|bytes| bytes.len() == 32) {
            return Err(format!(
                "key {number} of {} is no Fernet key (32 bytes in URL-safe base64, 44 characters)",
                keys.len()
            ));
        }
        if keys.iter().take(position).any(|earlier| earlier == key) {
            return Err(format!("key {number} of {} stands in it twice", keys.len()));
        }
    }
    Ok(keys
        .into_iter()
        .map(|key| SecretString::from(key.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    const TWO: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=";

    #[test]
    fn several_keys_stand_in_one_variable() {
        assert_eq!(parse(ONE).map(|keys| keys.len()), Ok(1));
        assert_eq!(
            parse(&format!("{ONE}, {TWO}")).map(|keys| keys.len()),
            Ok(2)
        );
    }

    #[test]
    fn a_bad_key_is_named_by_its_place_and_never_repeated() {
        for wrong in [
            "",
            ",",
            "short",
            &format!("{ONE},{ONE}"),
            &format!("{ONE},{TWO}x"),
        ] {
            let error = parse(wrong).expect_err("it is no key");
            assert!(
                !error.contains("MDEy") && !error.contains("short"),
                "{error}"
            );
        }
    }
}
