//! Who is writing: by business-scoped id, then by phone, and never a stranger.

use crate::conformance::record::{ACCOUNT, NOW, RecordHarness, commit, committed, event, recipient_of};
use shared::{
    ids::Identities,
    ports::conversations::{CommitOutcome, RecipientRow},
};

pub(super) const PHONE: &str = "16505551234";

pub(super) fn who(bsuid: Option<&str>, phone: Option<&str>) -> Identities {
    Identities { bsuid: bsuid.map(Into::into), phone: phone.map(Into::into) }
}

pub(super) async fn found(
    record: &dyn RecordHarness,
    bsuid: Option<&str>,
    phone: Option<&str>,
) -> Option<RecipientRow> {
    record.ports().conversations.find(&ACCOUNT.into(), &who(bsuid, phone)).await.expect("find").into_iter().next()
}

/// The name behind what is found.
pub(super) async fn name(record: &dyn RecordHarness, bsuid: Option<&str>, phone: Option<&str>) -> Option<String> {
    let row = found(record, bsuid, phone).await?;
    Some(row.id.as_str().trim_start_matches("recipient-of-").to_owned())
}

pub(super) async fn make(record: &dyn RecordHarness, person: &str, bsuid: Option<&str>, phone: Option<&str>) {
    committed(record, event(person, &format!("wamid.of.{person}")).who(bsuid, phone).build()).await;
}

/// Not by nothing either.
pub async fn nobody_is_found_before_he_wrote(record: &dyn RecordHarness) {
    make(record, "ann", Some("US.1"), None).await;
    assert_eq!(found(record, Some("US.2"), Some(PHONE)).await, None);
    assert_eq!(found(record, None, None).await, None);
    assert_eq!(found(record, None, Some("US.1")).await, None);
}

/// With all that is known.
pub async fn a_recipient_is_found_by_business_scoped_id_and_by_phone(record: &dyn RecordHarness) {
    make(record, "ann", Some("US.1"), Some(PHONE)).await;
    let row = found(record, Some("US.1"), None).await.expect("ann");
    assert_eq!((&row.id, &row.identities), (&recipient_of("ann"), &who(Some("US.1"), Some(PHONE))));
    assert_eq!(found(record, None, Some(PHONE)).await.as_ref(), Some(&row));
    assert_eq!(found(record, Some("US.1"), Some(PHONE)).await.as_ref(), Some(&row));
    assert_eq!(found(record, Some("US.1"), Some("999")).await.as_ref(), Some(&row));
}

/// Tenants share nothing.
pub async fn a_recipient_of_another_account_is_not_found(record: &dyn RecordHarness) {
    make(record, "ann", Some("US.1"), Some(PHONE)).await;
    let all = who(Some("US.1"), Some(PHONE));
    assert_eq!(record.ports().conversations.find(&"other".into(), &all).await.expect("find"), []);
}

/// When they disagree.
pub async fn the_business_scoped_id_goes_before_the_phone(record: &dyn RecordHarness) {
    make(record, "ann", Some("US.1"), None).await;
    make(record, "ben", None, Some(PHONE)).await;
    assert_eq!(name(record, Some("US.1"), Some(PHONE)).await.as_deref(), Some("ann"));
}

/// Who wrote by phone once and by id once, and by both now, is one person with two rows.
pub async fn two_rows_of_one_person_are_both_found(record: &dyn RecordHarness) {
    make(record, "ann", None, Some(PHONE)).await;
    make(record, "twin", Some("US.1"), None).await;
    let both = record.ports().conversations.find(&ACCOUNT.into(), &who(Some("US.1"), Some(PHONE))).await.expect("find");
    let ids: Vec<_> = both.iter().map(|row| &row.id).collect();
    assert_eq!(ids, [&recipient_of("twin"), &recipient_of("ann")]);
    assert!(both.iter().all(|row| row.created_at == NOW), "{both:?}");
}

/// The phone beside a former id is somebody else's meanwhile.
pub async fn a_former_id_leads_to_its_person_alone(record: &dyn RecordHarness) {
    let change = event("ann", "1").who(Some("US.2"), Some("999")).formerly("US.1");
    committed(record, change.build()).await;
    make(record, "ben", None, Some(PHONE)).await;
    let found =
        record.ports().conversations.find(&ACCOUNT.into(), &who(Some("US.1"), Some(PHONE))).await.expect("find");
    let ids: Vec<_> = found.iter().map(|row| &row.id).collect();
    assert_eq!(ids, [&recipient_of("ann")]);
}

/// Numbers are recycled: whoever has another id is somebody else.
pub async fn a_recycled_phone_does_not_open_a_strangers_session(record: &dyn RecordHarness) {
    make(record, "ann", Some("US.1"), Some(PHONE)).await;
    assert_eq!(found(record, Some("US.2"), Some(PHONE)).await, None);
    assert_eq!(name(record, None, Some(PHONE)).await.as_deref(), Some("ann"), "nothing says it is another");
}

/// Who wrote by phone before callbacks carried ids is the same person.
pub async fn a_phone_known_without_a_business_scoped_id_is_linked_to_it(record: &dyn RecordHarness) {
    make(record, "ann", None, Some(PHONE)).await;
    let row = found(record, Some("US.1"), Some(PHONE)).await.expect("by phone");
    assert_eq!(row.identities, who(None, Some(PHONE)));
    let linking = event("ann", "2").after(row.version).who(Some("US.1"), Some(PHONE)).build();
    committed(record, linking).await;
    let row = found(record, Some("US.1"), None).await.expect("by id alone");
    assert_eq!((&row.id, &row.identities), (&recipient_of("ann"), &who(Some("US.1"), Some(PHONE))));
}

/// Nothing is sent to the phone for its old owner any more, and what others remember of that one is stale.
pub async fn a_phone_moves_to_its_new_owner_and_away_from_the_old_one(record: &dyn RecordHarness) {
    make(record, "old", Some("US.1"), Some(PHONE)).await;
    let remembered = found(record, Some("US.1"), None).await.expect("old");
    make(record, "new", Some("US.2"), Some(PHONE)).await;
    assert_eq!(name(record, None, Some(PHONE)).await.as_deref(), Some("new"));
    assert_eq!(name(record, Some("US.2"), None).await.as_deref(), Some("new"));
    let old = found(record, Some("US.1"), None).await.expect("old");
    assert_eq!((&old.id, &old.identities), (&recipient_of("old"), &who(Some("US.1"), None)));
    assert_eq!(old.conversation, remembered.conversation);
    let from_memory = event("old", "2").after(remembered.version).build();
    assert_eq!(commit(record, vec![from_memory]).await, [CommitOutcome::Stale]);
    committed(record, event("old", "2").after(old.version).who(Some("US.1"), None).build()).await;
    assert_eq!(name(record, None, Some(PHONE)).await.as_deref(), Some("new"));
}

/// Whichever of the two comes first in the batch, and what was to be sent reaches its own person.
pub async fn who_loses_and_who_takes_a_phone_go_one_after_the_other(record: &dyn RecordHarness) {
    make(record, "old", Some("US.1"), Some(PHONE)).await;
    let row = found(record, Some("US.1"), None).await.expect("old");
    let old = event("old", "2").after(row.version).jobs(1).build();
    let new = event("new", "3").who(Some("US.2"), Some(PHONE)).jobs(1).build();
    let outcomes = commit(record, vec![new, old]).await;
    assert!(matches!(outcomes.as_slice(), [CommitOutcome::Committed(_), CommitOutcome::Stale]), "{outcomes:?}");
    let row = found(record, Some("US.1"), None).await.expect("old");
    assert_eq!(row.identities, who(Some("US.1"), None));

    let old = event("old", "2").after(row.version).jobs(1).who(Some("US.1"), None).build();
    let newer = event("newer", "4").who(Some("US.3"), Some(PHONE)).build();
    let outcomes = commit(record, vec![old, newer]).await;
    assert!(matches!(outcomes.as_slice(), [CommitOutcome::Committed(_), CommitOutcome::Committed(_)]), "{outcomes:?}");
    let addresses = record.texts("SELECT COALESCE(phone, bsuid) FROM jobs ORDER BY id").await;
    assert_eq!(addresses, ["US.2", "US.1"]);
}

/// One of them owns it in the end, and both rows say the same.
pub async fn of_two_who_take_one_phone_in_a_batch_the_second_comes_again(record: &dyn RecordHarness) {
    let one = event("one", "1").who(Some("US.1"), Some(PHONE)).build();
    let two = event("two", "2").who(Some("US.2"), Some(PHONE)).build();
    let outcomes = commit(record, vec![one, two.clone()]).await;
    assert!(matches!(outcomes.as_slice(), [CommitOutcome::Committed(_), CommitOutcome::Stale]), "{outcomes:?}");
    committed(record, two).await;
    assert_eq!(name(record, None, Some(PHONE)).await.as_deref(), Some("two"));
    assert_eq!(found(record, Some("US.1"), None).await.expect("one").identities.phone, None);
}

/// No such id is Meta's; it is merely not an error.
pub async fn identities_with_nul_are_found_again(record: &dyn RecordHarness) {
    make(record, "ann", Some("US.\u{0}1"), None).await;
    assert_eq!(name(record, Some("US.\u{0}1"), Some("1\0")).await.as_deref(), Some("ann"));
}
