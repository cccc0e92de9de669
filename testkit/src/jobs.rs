//! Send jobs as a sender has them after their claim.

use flow_engine::{Content, Timestamp};
use shared::job::{ClaimedJob, JobRef, LaneSeq};

/// When it was made, and its recipient wrote.
pub const MADE_AT: Timestamp = Timestamp(1_700_000_000_000);

/// A job that nothing stands in the way of.
#[must_use]
pub fn claimed_job(content: Content) -> ClaimedJob {
    ClaimedJob {
        job: JobRef {
            job_id: "0191e2d0-0000-7000-8000-000000000001".into(),
            phone_number_id: "1".into(),
            recipient_id: "r".into(),
            lane_seq: LaneSeq::new(1, 0),
        },
        account_id: "a".into(),
        attempt: 1,
        spent: 0,
        resends: 0,
        phone: Some("4915112345678".into()),
        bsuid: None,
        content,
        outside_window: None,
        last_message_at: Some(MADE_AT),
        sent_lately: 0,
        created_at: MADE_AT,
        event_id: "e".into(),
    }
}
