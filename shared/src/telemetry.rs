//! Logs and metrics.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{io::IsTerminal, sync::OnceLock};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Buckets of every latency histogram, in seconds.
const LATENCY: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// What the broker's driver may say, unless `RUST_LOG` names it.
const DRIVER: &str = "lapin=off";

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the log (to stderr: text on a terminal, JSON elsewhere) for this process. `filter` is used where
/// `RUST_LOG` says nothing.
pub fn install_log(filter: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    // The broker's driver calls every end of a connection an error; whoever keeps the connections up says what matters.
    let filter = match DRIVER.parse() {
        Ok(quiet) if !filter.to_string().contains("lapin") => filter.add_directive(quiet),
        _ => filter,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let installed = if std::io::stderr().is_terminal() {
        registry.with(fmt::layer().with_writer(std::io::stderr).with_target(false)).try_init()
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
    };
    // A second call in one process (tests) keeps the first log.
    drop(installed);
}

/// Installs the metrics of this process, once, and returns what renders them.
pub fn metrics() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &LATENCY);
        let recorder = match builder {
            Ok(builder) => builder.build_recorder(),
            // Only an empty list of buckets is refused.
            Err(_) => PrometheusBuilder::new().build_recorder(),
        };
        let handle = recorder.handle();
        drop(metrics::set_global_recorder(recorder));
        handle
    })
}
