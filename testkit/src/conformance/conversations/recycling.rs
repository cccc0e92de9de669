//! Phones change hands. What is still to be sent stays with its person, and nobody is taken for who had a phone before.

use super::finding::{PHONE, found, make, name, who};
use crate::conformance::record::{
    NOW, RecordHarness, claim, commit, committed, count, event, job_column, recipient_of, sent_with, settle,
};
use shared::{
    job::JobRef,
    ports::{conversations::CommitOutcome, ledger::Outcome},
};

const NEW_PHONE: &str = "16505559876";

/// A job in each state, each in a lane of its own, so that none waits for another.
async fn a_job_in_each_state(record: &dyn RecordHarness) -> Vec<(&'static str, JobRef)> {
    let ann = event("ann", "1").who(Some("US.1"), Some(PHONE));
    committed(record, ann.build()).await;
    let mut jobs = Vec::new();
    for state in ["queued", "sending", "retrying", "unknown", "sent", "dead", "arrived"] {
        let row = found(record, Some("US.1"), None).await.expect("ann");
        let event = event("ann", state).after(row.version).jobs(1).with(|message, advance| {
            message.phone_number_id = format!("from {state}").into();
            advance.identities = who(Some("US.1"), Some(PHONE));
        });
        jobs.push((state, committed(record, event.build()).await.remove(0)));
    }
    for (state, job) in &jobs {
        match *state {
            "queued" => {}
            "sending" => drop(claim(record, &[job]).await),
            "retrying" => sent_with(record, job, 1, Outcome::Retry { due_at: NOW, spent: true }).await,
            "unknown" => sent_with(record, job, 1, Outcome::Unknown { due_at: NOW }).await,
            "dead" => sent_with(record, job, 1, Outcome::Dead { reason: "attempts_exhausted" }).await,
            _ => sent_with(record, job, 1, Outcome::Sent { wamid: "out".into() }).await,
        }
    }
    record.execute("UPDATE jobs SET delivery = 2 WHERE phone_number_id = 'from arrived'").await;
    jobs
}

/// Where a job goes, or went.
async fn address(record: &dyn RecordHarness, job: &JobRef) -> String {
    job_column(record, job, "COALESCE(phone, '-') || ' ' || COALESCE(bsuid, '-')").await
}

async fn assert_all_go_to(record: &dyn RecordHarness, jobs: &[(&str, JobRef)], expected: &str) {
    for (state, job) in jobs {
        let expected = if *state == "arrived" { format!("{PHONE} US.1") } else { expected.to_owned() };
        assert_eq!(address(record, job).await, expected, "{state}");
    }
}

/// `user_changed_number`: in whatever state a job is, unless it arrived.
pub async fn a_changed_phone_is_free_and_what_waits_goes_to_the_new_one(record: &dyn RecordHarness) {
    let jobs = a_job_in_each_state(record).await;
    let row = found(record, Some("US.1"), None).await.expect("ann");
    let change = event("ann", "2").after(row.version).who(Some("US.2"), Some(NEW_PHONE)).formerly("US.1");
    committed(record, change.build()).await;
    assert_all_go_to(record, &jobs, &format!("{NEW_PHONE} US.2")).await;
    assert_eq!(found(record, None, Some(PHONE)).await, None);
    for (bsuid, phone) in [(Some("US.1"), None), (Some("US.2"), None), (None, Some(NEW_PHONE))] {
        let row = found(record, bsuid, phone).await.expect("ann");
        assert_eq!((row.id, row.identities), (recipient_of("ann"), who(Some("US.2"), Some(NEW_PHONE))));
    }
    let sending = &jobs[1].1;
    assert!(settle(record, sending, 1, Outcome::Retry { due_at: NOW, spent: true }).await, "its attempt is its own");
}

/// Where the new phone isn't told.
pub async fn a_phone_that_is_gone_leaves_the_business_scoped_id_to_send_to(record: &dyn RecordHarness) {
    let jobs = a_job_in_each_state(record).await;
    let row = found(record, Some("US.1"), None).await.expect("ann");
    committed(record, event("ann", "2").after(row.version).who(Some("US.2"), None).formerly("US.1").build()).await;
    assert_all_go_to(record, &jobs, "- US.2").await;
    assert_eq!(found(record, None, Some(PHONE)).await, None);
}

/// It goes to the old owner's id; what the new one is sent goes to the phone.
pub async fn what_waits_for_the_old_owner_of_a_phone_never_goes_to_the_new_one(record: &dyn RecordHarness) {
    let jobs = a_job_in_each_state(record).await;
    let new = event("new", "2").who(Some("US.2"), Some(PHONE)).jobs(1).build();
    let of_new = committed(record, new).await.remove(0);
    assert_all_go_to(record, &jobs, "- US.1").await;
    assert_eq!(address(record, &of_new).await, format!("{PHONE} US.2"));
    let old = found(record, Some("US.1"), None).await.expect("ann");
    assert_eq!(old.identities, who(Some("US.1"), None));
}

/// Whose phone it is and who has no other id is the same person, or is not known to be another.
pub async fn a_phone_is_taken_from_strangers_only(record: &dyn RecordHarness) {
    make(record, "ann", None, Some(PHONE)).await;
    make(record, "twin", Some("US.1"), None).await;
    let (ann, twin) = (found(record, None, Some(PHONE)).await, found(record, Some("US.1"), None).await);
    let (ann, twin) = (ann.expect("ann"), twin.expect("twin"));
    let linking = |person: &str| event(person, "2").who(Some("US.1"), Some(PHONE));
    for alone in [linking("twin").after(twin.version), linking("third")] {
        // `after` takes the link away.
        let alone = alone.with(|_, advance| advance.link = true).build();
        assert_eq!(commit(record, vec![alone]).await, [CommitOutcome::Stale]);
    }
    let one = linking("ann").absorbing(&twin).with(|_, advance| advance.expected = Some(ann.version));
    committed(record, one.build()).await;
    assert_eq!(name(record, Some("US.1"), None).await.as_deref(), Some("ann"));
    assert_eq!(name(record, None, Some(PHONE)).await.as_deref(), Some("ann"));
}

/// No message told of it, but nobody has two phones.
pub async fn a_new_phone_in_passing_frees_the_old_one_too(record: &dyn RecordHarness) {
    let jobs = a_job_in_each_state(record).await;
    let row = found(record, Some("US.1"), None).await.expect("ann");
    let passing = event("ann", "2").after(row.version).who(Some("US.1"), Some(NEW_PHONE)).build();
    committed(record, passing).await;
    assert_eq!(found(record, None, Some(PHONE)).await, None);
    assert_all_go_to(record, &jobs, &format!("{NEW_PHONE} US.1")).await;
}

/// Ids are made of the first identity, which may lead elsewhere by now: to nobody or to a tombstone.
pub async fn a_taken_id_is_stale_and_another_is_not(record: &dyn RecordHarness) {
    make(record, "ann", None, Some(PHONE)).await;
    make(record, "twin", Some("US.1"), None).await;
    let (ann, twin) = (found(record, None, Some(PHONE)).await, found(record, Some("US.1"), None).await);
    let (ann, twin) = (ann.expect("ann"), twin.expect("twin"));
    let one = event("ann", "2").after(ann.version).who(Some("US.1"), Some(NEW_PHONE)).absorbing(&twin);
    committed(record, one.build()).await;
    let stranger = |id: &str| event(id, "3").who(None, Some(PHONE)).build();
    for taken in ["ann", "twin"] {
        assert_eq!(commit(record, vec![stranger(taken)]).await, [CommitOutcome::Stale], "{taken}");
    }
    assert_eq!(found(record, None, Some(PHONE)).await, None);
    committed(record, stranger("drawn")).await;
    assert_eq!(name(record, None, Some(PHONE)).await.as_deref(), Some("drawn"));
    assert_eq!(count(record, "recipients WHERE merged_into IS NULL").await, 2);
}

/// Nobody's phone, at the same moment: one gets it, and both rows say so.
pub async fn of_two_commits_that_meet_over_one_phone_the_second_comes_again(record: &dyn RecordHarness) {
    for round in 0..20 {
        let phone = format!("{NEW_PHONE}{round}");
        let one = event(&format!("one{round}"), &format!("a{round}")).who(None, Some(&phone)).build();
        let two = event(&format!("two{round}"), &format!("b{round}")).who(None, Some(&phone)).build();
        let (one, two) = tokio::join!(commit(record, vec![one]), commit(record, vec![two]));
        let both = [one, two].concat();
        assert!(both.contains(&CommitOutcome::Stale), "{both:?}");
        assert!(both.iter().any(|outcome| matches!(outcome, CommitOutcome::Committed(_))), "{both:?}");
        assert_eq!(count(record, &format!("recipients WHERE phone = '{phone}'")).await, 1);
    }
}
