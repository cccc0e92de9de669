//! How SQLite answers the ledger's questions: by the partial indexes, which hold open jobs only and so don't grow with
//! what was sent.

use super::{claim, lookup};
use crate::sql::plans::assert_uses;

#[tokio::test]
async fn a_claim_looks_for_earlier_jobs_in_the_index_of_lanes() {
    assert_uses(&claim::update(3), &["jobs_lane"]).await;
}

#[tokio::test]
async fn what_a_claim_rests_on_is_read_from_indexes() {
    assert_uses(&claim::select(3), &["jobs_recipient"]).await;
    assert_uses(lookup::SELECT_PAIRS_REFUSED, &["jobs_pair_refused"]).await;
}

#[tokio::test]
async fn a_lanes_head_comes_from_the_index_of_lanes() {
    assert_uses(&lookup::select_head(), &["jobs_lane"]).await;
}

#[tokio::test]
async fn what_waits_comes_from_the_index_of_due_times() {
    assert_uses(&lookup::select_waiting(), &["jobs_due", "jobs_lane"]).await;
}

#[tokio::test]
async fn numbers_and_claims_are_read_from_indexes() {
    assert_uses(&lookup::select_numbers(), &["jobs_"]).await;
    assert_uses(&lookup::select_backlog(), &["jobs_"]).await;
    assert_uses(lookup::SELECT_CLAIMED, &["jobs_claimed"]).await;
    assert_uses(lookup::SELECT_RATE_FAILURES, &["jobs_rate_failed"]).await;
}
