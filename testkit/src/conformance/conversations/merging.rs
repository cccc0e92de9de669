//! Two rows turn out to be one person's: one stays, with all that was theirs.

use super::finding::{PHONE, found, make, name, who};
use crate::conformance::record::{
    EventBuilder, NOW, RecordHarness, claim, commit, committed, conversation, count, event, job_column, letters,
    recipient_of, sent_with, settle, state,
};
use shared::{
    ids::RowVersion,
    job::JobRef,
    ports::{
        conversations::{CommitOutcome, RecipientRow},
        ledger::{ClaimOutcome, Outcome, Verdict},
    },
};
use std::collections::BTreeSet;

const NEW_PHONE: &str = "16505559876";

/// The row of a person by this id, as it was read.
async fn row(record: &dyn RecordHarness, bsuid: &str) -> RecipientRow {
    found(record, Some(bsuid), None).await.expect("a row")
}

/// A further message of somebody whose row this is.
fn next(row: &RecipientRow, wamid: &str) -> EventBuilder {
    let person = row.id.as_str().trim_start_matches("recipient-of-").to_owned();
    event(&person, wamid).after(row.version).with(|_, advance| advance.identities = row.identities.clone())
}

/// Ann was known as `US.1` with [`PHONE`] and is `US.2` with [`NEW_PHONE`] now, by which "new" is known already.
async fn both_known(record: &dyn RecordHarness, jobs: usize) -> [Vec<JobRef>; 2] {
    let ann = event("ann", "1").who(Some("US.1"), Some(PHONE)).jobs(jobs);
    let new = event("new", "2").who(Some("US.2"), Some(NEW_PHONE)).jobs(jobs);
    [committed(record, ann.build()).await, committed(record, new.build()).await]
}

/// The message that tells of it.
async fn change(record: &dyn RecordHarness, wamid: &str) -> EventBuilder {
    let (old, new) = (row(record, "US.1").await, row(record, "US.2").await);
    event("ann", wamid).after(old.version).who(Some("US.2"), Some(NEW_PHONE)).formerly("US.1").absorbing(&new)
}

/// Everything that the record holds of recipients, to be compared.
async fn whole(record: &dyn RecordHarness) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT id || CAST(version AS TEXT) || CAST(counter AS TEXT) || COALESCE(merged_into, '') FROM recipients",
        "SELECT kind || value || recipient_id FROM identities",
        "SELECT id || recipient_id || CAST(lane_seq AS TEXT) || state || COALESCE(phone, '') FROM jobs",
        "SELECT wamid || recipient_id FROM messages",
    ] {
        all.extend(record.texts(&format!("{sql} ORDER BY 1")).await);
    }
    all
}

/// Session, messages, jobs, letters, identities; only the phone of before leads nowhere.
pub async fn two_rows_become_one_with_all_that_was_theirs(record: &dyn RecordHarness) {
    let [of_ann, of_new] = both_known(record, 2).await;
    sent_with(record, &of_ann[0], 1, Outcome::Sent { wamid: "out.1".into() }).await;
    sent_with(record, &of_new[0], 1, Outcome::Dead { reason: "attempts_exhausted" }).await;
    let later = next(&row(record, "US.2").await, "3").with(|message, _| message.sent_at += 60);
    committed(record, later.build()).await;
    committed(record, change(record, "4").await.build()).await;

    let ann = row(record, "US.2").await;
    assert_eq!((&ann.id, &ann.identities), (&recipient_of("ann"), &who(Some("US.2"), Some(NEW_PHONE))));
    assert_eq!(ann.conversation, conversation("4"), "what the worker chose");
    assert_eq!(name(record, Some("US.1"), None).await.as_deref(), Some("ann"), "a former id leads on");
    assert_eq!(name(record, None, Some(NEW_PHONE)).await.as_deref(), Some("ann"));
    assert_eq!(name(record, None, Some(PHONE)).await, None, "somebody else's next");
    for (table, rows) in [("messages", 4), ("jobs", 4), ("dead_letters", 1)] {
        let of_ann = format!("{table} WHERE recipient_id = '{}'", recipient_of("ann"));
        assert_eq!(count(record, &of_ann).await, rows, "{table}");
    }
    assert_eq!(letters(record).await, ["open attempts_exhausted"]);
    let last = "SELECT CAST(last_message_at AS TEXT) FROM recipients WHERE merged_into IS NULL";
    assert_eq!(record.texts(last).await, [(NOW.0 + 60_000).to_string()], "the window is the later one's");
    let tombstone = "SELECT merged_into || conversation FROM recipients WHERE phone IS NULL AND bsuid IS NULL";
    assert_eq!(record.texts(tombstone).await, [format!("{}{{}}", recipient_of("ann"))]);
    for id in ["ann", "new"] {
        let named = record.ports().recipients.named(None, recipient_of(id).as_str()).await.expect("recipients");
        assert_eq!(named.iter().map(|row| &row.id).collect::<Vec<_>>(), [&recipient_of("ann")], "by the id of {id}");
    }
}

/// To where its person is reached now; no place is taken twice, and what is written next comes last.
pub async fn the_jobs_of_both_go_on_in_one_lane_one_after_the_other(record: &dyn RecordHarness) {
    let [of_ann, of_new] = both_known(record, 2).await;
    assert_eq!(of_ann[0].lane_seq, of_new[0].lane_seq, "each has a lane of its own yet");
    claim(record, &[&of_new[0]]).await;
    committed(record, change(record, "3").await.build()).await;
    let last = committed(record, next(&row(record, "US.2").await, "4").jobs(1).build()).await;

    assert!(settle(record, &of_new[0], 1, Outcome::Unknown { due_at: NOW }).await, "a POST under way ends as it would");
    let all: Vec<&JobRef> = of_ann.iter().chain(&of_new).chain(&last).collect();
    let mut places = BTreeSet::new();
    for job in &all {
        places.insert(job_column(record, job, "lane_seq").await.parse::<i64>().expect("a number"));
        assert_eq!(job_column(record, job, "phone || ' ' || bsuid").await, format!("{NEW_PHONE} US.2"));
    }
    assert_eq!(places.len(), all.len());
    assert_eq!(job_column(record, &last[0], "lane_seq").await, places.last().expect("a place").to_string());

    let ledger = &record.ports().ledger;
    let mut order = Vec::new();
    while let Some(head) = ledger.head(&of_ann[0].phone_number_id, &recipient_of("ann")).await.expect("head") {
        let job = head.job;
        if state(record, &job).await == "unknown" {
            ledger.settle_unknown(&job.job_id, Verdict::Resend, NOW).await.expect("resend");
        }
        let outcomes = claim(record, &all).await;
        let claimed: Vec<_> = outcomes.iter().filter(|outcome| matches!(outcome, ClaimOutcome::Claimed(_))).collect();
        let [ClaimOutcome::Claimed(claimed)] = claimed.as_slice() else { panic!("one at a time: {outcomes:?}") };
        assert_eq!((&claimed.job, claimed.phone.as_deref()), (&job, Some(NEW_PHONE)));
        assert!(settle(record, &job, claimed.attempt, Outcome::Sent { wamid: "out".into() }).await);
        order.push(job.job_id);
    }
    assert_eq!(order, all.iter().map(|job| job.job_id.clone()).collect::<Vec<_>>());
}

/// Whoever remembers the row that is gone loads again and finds the one that stands for it.
pub async fn what_was_absorbed_is_stale_and_what_comes_again_lands_where_it_went(record: &dyn RecordHarness) {
    both_known(record, 0).await;
    let remembered = row(record, "US.2").await;
    committed(record, change(record, "3").await.build()).await;
    let late = next(&remembered, "4").jobs(1);
    assert_eq!(commit(record, vec![late.build()]).await, [CommitOutcome::Stale]);
    let newcomer = event("new", "4").who(Some("US.2"), Some(NEW_PHONE)).build();
    assert_eq!(commit(record, vec![newcomer]).await, [CommitOutcome::Stale], "nor does it rise again");
    let again = next(&row(record, "US.2").await, "4").jobs(1).build();
    assert_eq!(committed(record, again).await[0].recipient_id, recipient_of("ann"));
    assert_eq!(count(record, "recipients WHERE merged_into IS NOT NULL").await, 1);
}

/// Neither when the one that stays was moved, nor when the other was.
pub async fn rows_that_moved_on_are_not_merged(record: &dyn RecordHarness) {
    both_known(record, 1).await;
    for bsuid in ["US.1", "US.2"] {
        let merge = change(record, "merge").await.build();
        committed(record, next(&row(record, bsuid).await, &format!("meanwhile {bsuid}")).jobs(1).build()).await;
        let before = whole(record).await;
        assert_eq!(commit(record, vec![merge]).await, [CommitOutcome::Stale]);
        assert_eq!(whole(record).await, before);
    }
    committed(record, change(record, "merge").await.build()).await;
    let of_ann = format!("jobs WHERE recipient_id = '{}'", recipient_of("ann"));
    assert_eq!(count(record, &of_ann).await, 4);
}

/// By Meta's repeat, before or after the rows were read again.
pub async fn a_change_told_again_changes_nothing(record: &dyn RecordHarness) {
    both_known(record, 1).await;
    let told = change(record, "3").await;
    committed(record, told.clone().build()).await;
    let before = whole(record).await;
    let read_again = next(&row(record, "US.2").await, "3").formerly("US.1").build();
    for repeat in [told.build(), read_again] {
        assert_eq!(commit(record, vec![repeat]).await, [CommitOutcome::AlreadyHandled(vec![])]);
    }
    assert_eq!(whole(record).await, before);
}

/// By two ids of now and one of before.
pub async fn three_rows_become_one(record: &dyn RecordHarness) {
    make(record, "ann", Some("US.1"), Some(PHONE)).await;
    let by_phone = event("phone", "p").who(None, Some(NEW_PHONE)).jobs(2);
    let mut jobs = committed(record, by_phone.build()).await;
    jobs.extend(committed(record, event("id", "i").who(Some("US.2"), None).jobs(2).build()).await);
    let (old, id) = (row(record, "US.1").await, row(record, "US.2").await);
    let phone = found(record, None, Some(NEW_PHONE)).await.expect("by phone");
    let change = event("ann", "c").after(old.version).who(Some("US.2"), Some(NEW_PHONE)).formerly("US.1");
    committed(record, change.absorbing(&phone).absorbing(&id).build()).await;
    for (bsuid, phone) in [(Some("US.1"), None), (Some("US.2"), None), (None, Some(NEW_PHONE))] {
        assert_eq!(name(record, bsuid, phone).await.as_deref(), Some("ann"));
    }
    let mut places = Vec::new();
    for job in &jobs {
        places.push(job_column(record, job, "lane_seq").await.parse::<i64>().expect("a number"));
        assert_eq!(job_column(record, job, "phone || ' ' || bsuid").await, format!("{NEW_PHONE} US.2"));
    }
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
}

/// By one id of now and two of before; the phone of before is a stranger's next.
pub async fn two_rows_of_before_become_one_with_that_of_now(record: &dyn RecordHarness) {
    let by_phone = committed(record, event("ann", "1").who(None, Some(PHONE)).jobs(1).build()).await;
    let by_id = committed(record, event("id", "2").who(Some("US.1"), None).jobs(1).build()).await;
    make(record, "new", Some("US.2"), Some(NEW_PHONE)).await;
    let phone = found(record, None, Some(PHONE)).await.expect("by phone");
    let (id, new) = (row(record, "US.1").await, row(record, "US.2").await);
    let change = event("ann", "c").after(phone.version).who(Some("US.2"), Some(NEW_PHONE)).formerly("US.1");
    committed(record, change.absorbing(&id).absorbing(&new).build()).await;
    for job in [&by_phone[0], &by_id[0]] {
        assert_eq!(job_column(record, job, "phone || ' ' || bsuid").await, format!("{NEW_PHONE} US.2"));
    }
    assert_eq!(name(record, Some("US.1"), None).await.as_deref(), Some("ann"));
    assert_eq!(name(record, None, Some(PHONE)).await, None);
    make(record, "stranger", Some("US.7"), Some(PHONE)).await;
    assert_eq!(name(record, Some("US.2"), Some(NEW_PHONE)).await.as_deref(), Some("ann"));
}

/// Which is how the worker knows that it is over: the phone leads nowhere, or to who has it now, with the id of that one.
pub async fn a_change_of_phones_leaves_nobody_who_was_meant(record: &dyn RecordHarness) {
    make(record, "ann", Some("US.1"), Some(PHONE)).await;
    let row = row(record, "US.1").await;
    committed(record, event("ann", "2").after(row.version).who(None, Some(NEW_PHONE)).build()).await;
    assert_eq!(found(record, None, Some(PHONE)).await, None);
    make(record, "stranger", Some("US.7"), Some(PHONE)).await;
    let next = found(record, None, Some(PHONE)).await.expect("the next owner");
    assert_eq!((next.id, next.identities), (recipient_of("stranger"), who(Some("US.7"), Some(PHONE))));
    assert_eq!(name(record, Some("US.1"), None).await.as_deref(), Some("ann"), "a former id leads on");
    assert_eq!(name(record, None, Some(NEW_PHONE)).await.as_deref(), Some("ann"));
}

/// In one batch, whichever comes first.
pub async fn a_merge_and_what_it_touches_go_one_after_the_other(record: &dyn RecordHarness) {
    both_known(record, 0).await;
    let new = row(record, "US.2").await;
    let merge = change(record, "3").await.build();
    let of_new = next(&new, "4").jobs(1).build();
    let batch = vec![of_new, merge, event("ben", "5").jobs(1).build()];
    let outcomes = commit(record, batch).await;
    use CommitOutcome::{Committed, Stale};
    assert!(matches!(outcomes.as_slice(), [Committed(_), Stale, Committed(_)]), "{outcomes:?}");

    let merge = change(record, "3").await.build();
    let of_new = next(&row(record, "US.2").await, "6").jobs(1).build();
    let outcomes = commit(record, vec![merge, of_new]).await;
    assert!(matches!(outcomes.as_slice(), [Committed(_), Stale]), "{outcomes:?}");
    let again = next(&row(record, "US.2").await, "6").jobs(1).build();
    assert_eq!(committed(record, again).await[0].recipient_id, recipient_of("ann"));
}

/// As any other event.
pub async fn a_merge_that_is_refused_leaves_both_rows(record: &dyn RecordHarness) {
    let [of_ann, _] = both_known(record, 1).await;
    let refused = change(record, "3").await.jobs(1).with(|_, advance| advance.jobs[0].id = of_ann[0].job_id.clone());
    let outcomes = commit(record, vec![refused.build()]).await;
    assert!(matches!(outcomes.as_slice(), [CommitOutcome::Refused(_)]), "{outcomes:?}");
    assert_eq!(letters(record).await, ["open rejected_by_database"]);
    assert_eq!(count(record, "recipients WHERE merged_into IS NULL").await, 2);
    assert_eq!(name(record, Some("US.2"), None).await.as_deref(), Some("new"));
}

/// Who has it is this very person; whoever says otherwise has read too early.
pub async fn a_former_id_is_never_taken_from_another(record: &dyn RecordHarness) {
    both_known(record, 0).await;
    let new = row(record, "US.2").await;
    let alone = event("new", "3").after(new.version).who(Some("US.2"), Some(NEW_PHONE)).formerly("US.1");
    assert_eq!(commit(record, vec![alone.build()]).await, [CommitOutcome::Stale]);
    let newcomer = event("newer", "3").who(Some("US.1"), None).build();
    assert_eq!(commit(record, vec![newcomer]).await, [CommitOutcome::Stale]);
    let forgotten = event("ann", "3").after(RowVersion(1)).who(Some("US.2"), None).absorbing(&new).build();
    assert_eq!(commit(record, vec![forgotten]).await, [CommitOutcome::Stale]);
    assert_eq!(name(record, Some("US.1"), None).await.as_deref(), Some("ann"));
}
