//! The statuses' clock.

use super::record::{NOW, RecordHarness};
use shared::{Timestamp, ports::status_clock::StatusClockReading};

async fn read(record: &dyn RecordHarness) -> StatusClockReading {
    record.ports().status_clock.read().await.expect("read")
}

/// Nobody knows anything yet, so nothing is resent.
pub async fn the_clock_begins_with_nothing(record: &dyn RecordHarness) {
    assert_eq!(read(record).await, StatusClockReading::default());
}

/// With the time at which it was written.
pub async fn the_watermark_is_read_as_it_was_written(record: &dyn RecordHarness) {
    let clock = &record.ports().status_clock;
    for seconds in 0..3 {
        let (watermark, now) = (Timestamp(NOW.0 + seconds), Timestamp(NOW.0 + 10 * seconds));
        clock.advance(watermark, now).await.expect("advance");
        let expected =
            StatusClockReading { watermark: Some(watermark), written_at: Some(now), ..StatusClockReading::default() };
        assert_eq!(read(record).await, expected);
    }
}

/// Gateways' clocks differ: an earlier one doesn't hide a later.
pub async fn the_last_refusal_stays(record: &dyn RecordHarness) {
    let clock = &record.ports().status_clock;
    for (at, last) in [(5, 5), (3, 5), (9, 9), (9, 9)] {
        clock.refused(Timestamp(at)).await.expect("refused");
        assert_eq!(read(record).await.refused_at, Some(Timestamp(last)));
    }
    clock.advance(NOW, NOW).await.expect("advance");
    assert_eq!(read(record).await.refused_at, Some(Timestamp(9)));
}
