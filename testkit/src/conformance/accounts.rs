//! Accounts, keys, numbers: what is secret stays so, and what changes is seen.

use super::record::{ACCOUNT, NUMBER, RecordHarness, count};
use secrecy::{ExposeSecret, SecretString};
use shared::{
    Clock as _,
    ids::AccountId,
    ports::accounts::{Accounts, ConfiguredAccount, PAUSED_BY_HAND, PhoneNumber},
};
use std::{sync::Arc, time::Duration};

const TOKEN: &str = "EAAGcanary-of-an-access-token";
const KEY: &str = "canary-of-an-api-key";

async fn owner(accounts: &dyn Accounts, key: &str) -> Option<AccountId> {
    accounts.account_of_key(key).await.expect("look up")
}

async fn number(accounts: &dyn Accounts) -> Option<Arc<PhoneNumber>> {
    accounts.phone_number(&NUMBER.into()).await.expect("look up")
}

async fn add_number(accounts: &dyn Accounts, id: &str, token: &str) {
    accounts.add_phone_number(&ACCOUNT.into(), &id.into(), SecretString::from(token)).await.expect("add");
}

async fn configure(accounts: &dyn Accounts, key: &str, token: &str) {
    let account = ConfiguredAccount {
        id: ACCOUNT.into(),
        api_key: key.into(),
        phone_number_id: NUMBER.into(),
        access_token: token.into(),
    };
    accounts.configure_account(account).await.expect("configure");
}

/// Waits for what is promised within two seconds.
async fn within_two_seconds(seen: impl AsyncFn() -> bool) {
    let until_seen = async {
        while !seen().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), until_seen).await.expect("seen within two seconds");
}

/// Two of the same name are two.
pub async fn a_key_opens_its_account_and_no_other(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    let one = accounts.create_account("Café").await.expect("create");
    let other = accounts.create_account("Café").await.expect("create");
    assert!(one.id != other.id && one.name == "Café");
    for _ in 0..2 {
        assert_eq!(owner(accounts, one.api_key.expose_secret()).await, Some(one.id.clone()));
        assert_eq!(owner(accounts, other.api_key.expose_secret()).await, Some(other.id.clone()));
        assert_eq!(owner(accounts, "frk_wrong").await, None);
        assert_eq!(owner(accounts, "").await, None);
        assert_eq!(owner(accounts, "\0").await, None);
    }
    let cut = &one.api_key.expose_secret()[..one.api_key.expose_secret().len() - 1];
    assert_eq!(owner(accounts, cut).await, None);
}

/// Neither in a table nor in a log of the database.
pub async fn neither_key_nor_token_stands_in_the_database(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    let created = accounts.create_account("plain-canary").await.expect("create");
    configure(accounts, KEY, TOKEN).await;
    add_number(accounts, "2", TOKEN).await;
    let bytes = record.bytes().await;
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("plain-canary"), "the search finds what is there");
    for secret in [TOKEN, KEY, created.api_key.expose_secret()] {
        assert!(!holds(secret), "found {}…", &secret[..6]);
        let half = &secret[..secret.len() / 2 + 4];
        assert!(!holds(half), "found half of {}…", &secret[..6]);
    }
    let sealed = record.texts("SELECT access_token FROM phone_numbers").await;
    assert_ne!(sealed[0], sealed[1], "the same token is never sealed to the same text");
}

/// At once where this process is asked for the first time.
pub async fn a_revoked_or_expired_key_opens_nothing(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    let revoked = accounts.create_account("revoked").await.expect("create");
    record.execute("UPDATE api_keys SET revoked_at = 1").await;
    assert_eq!(owner(accounts, revoked.api_key.expose_secret()).await, None);
    let expiring = accounts.create_account("expiring").await.expect("create");
    let clock = &record.ports().clock;
    let expires_at = shared::Clock::now(&**clock).plus(Duration::from_secs(60));
    record.execute(&format!("UPDATE api_keys SET expires_at = {} WHERE revoked_at IS NULL", expires_at.0)).await;
    assert_eq!(owner(accounts, expiring.api_key.expose_secret()).await, Some(expiring.id));
    clock.pass(Duration::from_secs(60));
    assert_eq!(owner(accounts, expiring.api_key.expose_secret()).await, None);
}

/// As each start does.
pub async fn a_configured_account_is_brought_up_to_date(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    configure(accounts, KEY, "old token").await;
    record.execute("UPDATE api_keys SET revoked_at = 1, expires_at = 1").await;
    accounts.pause_phone_number(&NUMBER.into(), Some("error 190")).await.expect("pause");
    configure(accounts, KEY, TOKEN).await;
    assert_eq!(owner(accounts, KEY).await, Some(ACCOUNT.into()));
    let number = number(accounts).await.expect("the number");
    assert_eq!((number.access_token.expose_secret(), &number.paused), (TOKEN, &None));
    configure(accounts, "another-key-of-it", TOKEN).await;
    assert_eq!(owner(accounts, "another-key-of-it").await, Some(ACCOUNT.into()));
    assert_eq!((count(record, "accounts").await, count(record, "phone_numbers").await), (1, 1));
}

/// Alone and in the list.
pub async fn a_number_is_found_with_its_token(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    assert!(number(accounts).await.is_none());
    assert!(accounts.phone_number(&"1\u{0}2".into()).await.expect("look up").is_none());
    add_number(accounts, NUMBER, TOKEN).await;
    add_number(accounts, "2", "another").await;
    let found = number(accounts).await.expect("the number");
    assert_eq!((found.id.as_str(), found.account_id.as_str()), (NUMBER, ACCOUNT));
    assert_eq!((found.access_token.expose_secret(), found.rate, &found.paused), (TOKEN, None, &None));
    let all = accounts.phone_numbers().await.expect("list");
    assert_eq!(all.iter().map(|number| number.id.as_str()).collect::<Vec<_>>(), [NUMBER, "2"]);
    add_number(accounts, NUMBER, "fresh").await;
    assert_eq!(number(accounts).await.expect("the number").access_token.expose_secret(), "fresh");
}

/// Whoever can write to the database can't send from another's number.
pub async fn a_token_moved_to_another_number_is_not_decrypted(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    add_number(accounts, NUMBER, TOKEN).await;
    add_number(accounts, "2", "another").await;
    let take = "SELECT access_token FROM phone_numbers WHERE id = '2'";
    record.execute(&format!("UPDATE phone_numbers SET access_token = ({take}) WHERE id = '{NUMBER}'")).await;
    let (elsewhere, _) = record.elsewhere().await;
    let number = elsewhere.phone_number(&NUMBER.into()).await.expect("look up").expect("the number");
    assert!(number.paused.is_some(), "nothing may be sent with another's token");
    assert_eq!(number.access_token.expose_secret(), "");
    let other = elsewhere.phone_number(&"2".into()).await.expect("look up").expect("the other number");
    assert_eq!(other.paused, None);
    assert_eq!(elsewhere.phone_numbers().await.expect("list").len(), 2, "one bad token hides no number");
    record.execute("UPDATE phone_numbers SET account_id = 'thief' WHERE id = '2'").await;
    let (elsewhere, _) = record.elsewhere().await;
    let moved = elsewhere.phone_number(&"2".into()).await.expect("look up").expect("the number");
    assert!(moved.paused.is_some() && moved.access_token.expose_secret().is_empty(), "moved to another account");
}

/// A key that the settings gave is over once they give another; keys made otherwise stay.
pub async fn a_configured_key_is_over_once_another_is_configured(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    let created = accounts.create_account("Café").await.expect("create");
    configure(accounts, "the-first-configured-key", TOKEN).await;
    configure(accounts, "the-second-configured-key", TOKEN).await;
    assert_eq!(owner(accounts, "the-first-configured-key").await, None);
    assert!(owner(accounts, "the-second-configured-key").await.is_some());
    assert_eq!(owner(accounts, created.api_key.expose_secret()).await, Some(created.id));
}

/// A restart with the token that failed says nothing new; another token is tried; who paused by hand resumes by hand.
pub async fn a_configured_token_ends_a_pause_only_when_it_is_another(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    let pause = async |reason| accounts.pause_phone_number(&NUMBER.into(), Some(reason)).await.expect("pause");
    let paused = async || number(accounts).await.expect("the number").paused.clone();
    configure(accounts, KEY, TOKEN).await;
    pause("error 190").await;
    configure(accounts, KEY, TOKEN).await;
    assert_eq!(paused().await.as_deref(), Some("error 190"));
    configure(accounts, KEY, "another token").await;
    assert_eq!(paused().await, None);
    pause(PAUSED_BY_HAND).await;
    configure(accounts, KEY, "a third token").await;
    assert_eq!(paused().await.as_deref(), Some(PAUSED_BY_HAND));
}

/// With its reason.
pub async fn a_pause_is_seen_and_ends(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    add_number(accounts, NUMBER, TOKEN).await;
    accounts.pause_phone_number(&NUMBER.into(), Some("error 190: expired\0")).await.expect("pause");
    let paused = number(accounts).await.expect("the number").paused.clone();
    assert_eq!(paused.as_deref(), Some("error 190: expired\u{fffd}"));
    accounts.pause_phone_number(&NUMBER.into(), None).await.expect("go on");
    assert_eq!(number(accounts).await.expect("the number").paused, None);
    accounts.pause_phone_number(&"nobody's".into(), Some("why")).await.expect("nothing to pause");
}

/// Both ways, for what is there and for what was not.
pub async fn a_change_is_seen_at_once_here_and_within_two_seconds_elsewhere(record: &dyn RecordHarness) {
    let here = &*record.ports().accounts;
    let (elsewhere, _) = record.elsewhere().await;
    let elsewhere = &*elsewhere;
    for round in 0..2 {
        assert_eq!(number(here).await.is_some(), round > 0);
        assert_eq!(number(elsewhere).await.is_some(), round > 0);
        add_number(here, NUMBER, &format!("token {round}")).await;
        let token = async |accounts: &dyn Accounts| {
            number(accounts).await.map(|number| number.access_token.expose_secret().to_owned())
        };
        let fresh = Some(format!("token {round}"));
        assert_eq!(token(here).await, fresh);
        within_two_seconds(async || token(elsewhere).await == fresh).await;
    }
    elsewhere.pause_phone_number(&NUMBER.into(), Some("why")).await.expect("pause");
    assert!(number(elsewhere).await.expect("the number").paused.is_some());
    within_two_seconds(async || number(here).await.is_some_and(|number| number.paused.is_some())).await;

    // A key that both remember is revoked by somebody who says so.
    let created = here.create_account("acme").await.expect("create");
    let key = created.api_key.expose_secret();
    assert!(owner(here, key).await.is_some() && owner(elsewhere, key).await.is_some());
    record.execute("UPDATE api_keys SET revoked_at = 1").await;
    elsewhere.pause_phone_number(&NUMBER.into(), None).await.expect("any change of accounts");
    assert_eq!(owner(elsewhere, key).await, None);
    within_two_seconds(async || owner(here, key).await.is_none()).await;
}

/// The new key opens at once, the old one as long as it was given; a key that ended sooner is not prolonged.
pub async fn a_rotated_key_ends_when_it_was_said_to(record: &dyn RecordHarness) {
    let accounts = &*record.ports().accounts;
    let made = accounts.create_account("Café").await.expect("create");
    let another = accounts.create_account("Bar").await.expect("create");
    let now = record.ports().clock.now();
    let new =
        accounts.rotate_key(&made.id, now.plus(Duration::from_millis(500))).await.expect("rotate").expect("a key");
    let again = accounts.rotate_key(&made.id, now.plus(Duration::from_secs(2))).await.expect("rotate").expect("a key");
    let open = async |key: &SecretString| owner(accounts, key.expose_secret()).await.is_some();
    for key in [&made.api_key, &new, &again, &another.api_key] {
        assert!(open(key).await);
    }
    record.pass(Duration::from_millis(600)).await;
    assert!(!open(&made.api_key).await, "half a second");
    assert!(open(&new).await && open(&again).await && open(&another.api_key).await);
    record.pass(Duration::from_secs(2)).await;
    assert!(!open(&new).await && open(&again).await);
    assert!(accounts.rotate_key(&"nobody".into(), now).await.expect("asked").is_none());
}
