//! Just enough DER to find a public key in a certificate, and its two integers in that.

/// The content of the element at the front, if it has this tag, and what follows it.
pub fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = match *first {
        short @ ..=0x7f => (usize::from(short), rest),
        // An open end is BER's alone, and nothing here is longer than four bytes can say.
        long @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The same, the tag and the length with it.
pub fn whole_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (_, rest) = element(der, tag)?;
    der.split_at_checked(der.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_read_with_a_short_and_a_long_length() {
        assert_eq!(
            element(&[0x02, 1, 7, 9], 0x02),
            Some((&[7_u8][..], &[9_u8][..]))
        );
        assert_eq!(
            whole_element(&[0x02, 1, 7, 9], 0x02),
            Some((&[0x02_u8, 1, 7][..], &[9_u8][..]))
        );
        let mut long = vec![0x30, 0x82, 0x01, 0x00];
        long.resize(4 + 256, 5);
        assert_eq!(element(&long, 0x30), Some((&long[4..], &[][..])));
    }

    #[test]
    fn what_is_cut_short_or_has_an_open_end_is_nothing() {
        let cases: [&[u8]; 6] = [
            &[],
            &[0x30],
            &[0x30, 2, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x82, 1],
            &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        ];
        for der in cases {
            assert_eq!(element(der, 0x30), None, "{der:?}");
        }
        assert_eq!(element(&[0x31, 0], 0x30), None);
    }
}
