//! Bearer keys of the API.

use graph_mirror::model::ids::ApiKeyId;
use graph_mirror::model::time::Clock;
use graph_mirror::store::ApiKey;

use crate::support::database::on_both_stores;

on_both_stores!(
    a_key_is_found_by_its_hash_until_it_is_withdrawn,
    |store, clock| {
        let key = ApiKey {
            id: ApiKeyId::generate(),
            owner: "owner".into(),
            key_hash: "hash".to_owned(),
            label: Some("the suite".to_owned()),
            created_at: clock.now(),
            revoked_at: None,
        };
        store.api_key_add(&key).await?;

        assert_eq!(store.api_key_find("hash").await?, Some(key.clone()));
        assert_eq!(store.api_key_find("HASH").await?, None);
        assert!(store.api_key_revoke(key.id, clock.now()).await?);
        assert!(!store.api_key_revoke(key.id, clock.now()).await?);
        assert_eq!(store.api_key_find("hash").await?, None);
        let all = store.api_keys_list().await?;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].revoked_at, Some(clock.now()));
    }
);
