//! The whole way of a message.

use super::record::{NOW, NUMBER, RecordHarness, committed, event, sent_with, write};
use shared::{
    event::{DeliveryStatus, JobTag, StatusUpdate},
    ids,
    job::JobState,
    ports::{dead_letters::LetterState, ledger::Outcome, traces::Traced},
};

async fn trace(record: &dyn RecordHarness, id: &str) -> Traced {
    record.ports().traces.trace(id).await.expect("asked").unwrap_or_else(|| panic!("{id} leads nowhere"))
}

/// By each id that somebody may hold in hand.
pub async fn every_id_on_the_way_leads_to_all_of_it(record: &dyn RecordHarness) {
    let event = event("ann", "wamid.in").jobs(2).with(|message, _| message.sent_at = NOW.0 / 1000 - 3).build();
    let jobs = committed(record, event.clone()).await;
    sent_with(record, &jobs[0], 1, Outcome::Sent { wamid: "wamid.out".into() }).await;
    let status = StatusUpdate {
        event_id: ids::fresh().into(),
        received_at: NOW,
        phone_number_id: NUMBER.into(),
        wamid: "wamid.out".into(),
        status: DeliveryStatus::Delivered,
        at: NOW.0 / 1000 + 5,
        job: Some(JobTag { job: jobs[0].job_id.clone(), attempt: 1 }),
        error: None,
    };
    record.ports().conversations.apply_statuses(vec![status], NOW).await.expect("status");
    sent_with(record, &jobs[1], 1, Outcome::Dead { reason: "permanent_error" }).await;
    write(record, "ben", "wamid.other", 1).await;
    let letter = record.texts("SELECT id FROM dead_letters").await.remove(0);
    let on_the_way = [
        "wamid.in",
        "wamid.out",
        event.message.event_id.as_str(),
        jobs[0].job_id.as_str(),
        jobs[1].job_id.as_str(),
        &letter,
    ];
    for id in on_the_way {
        let traced = trace(record, id).await;
        assert_eq!(traced.event.expect("the event").entry.event_id, event.message.event_id, "{id}");
        assert_eq!(traced.written_at.map(|at| at.0), Some(NOW.0 - 3_000));
        let states: Vec<JobState> = traced.jobs.iter().map(|job| job.state).collect();
        assert_eq!(states, [JobState::Sent, JobState::Dead]);
        let sent = &traced.jobs[0];
        assert_eq!((sent.sent_at, sent.delivered_at.map(|at| at.0)), (Some(NOW), Some(NOW.0 + 5_000)));
        assert_eq!(sent.wamid.as_ref().map(|wamid| wamid.as_str()), Some("wamid.out"));
        assert_eq!(traced.jobs[1].attempts.as_array().map(Vec::len), Some(1));
        let [letter] = traced.letters.as_slice() else { panic!("{:?}", traced.letters) };
        assert_eq!((letter.reason.as_str(), letter.state), ("permanent_error", LetterState::Open));
    }
    assert!(record.ports().traces.trace("wamid.of nobody").await.expect("asked").is_none());
}

/// A letter is all that there is of it.
pub async fn an_event_to_a_number_that_nobody_owns_is_traced_by_its_letter(record: &dyn RecordHarness) {
    let unknown = event("ann", "1").to_unknown_number();
    super::record::commit(record, vec![unknown.clone()]).await;
    let traced = trace(record, unknown.message.event_id.as_str()).await;
    assert!(traced.jobs.is_empty());
    assert_eq!(traced.letters.len(), 1);
}
