//! Reads the broker's URL, and refuses what would not do what it says.

use super::error::Failure;
use lapin::uri::{AMQPScheme, AMQPUri};

/// Seconds. A peer that is silent for twice as long counts as gone, so a half-open connection is noticed within 20 s.
const HEARTBEAT: u16 = 8;

/// Reads `amqp://user:password@host:port/vhost`. The text of the URL is in no error: it holds a password.
pub(super) fn parse(url: &str) -> Result<AMQPUri, Failure> {
    let refuse = |why: &str| Err(Failure::Said(format!("AMQP_URL: {why}")));
    let Ok(mut uri) = url.parse::<AMQPUri>() else {
        return refuse("not understood; expected amqp://user:password@host:5672/vhost");
    };
    if uri.scheme == AMQPScheme::AMQPS && !cfg!(feature = "rabbitmq-tls") {
        return refuse(
            "amqps:// needs TLS, and this program was built without it (feature `rabbitmq-tls`). \
             It is refused because the driver would silently send the password in plain text",
        );
    }
    if url.contains("://[") || url.contains("@[") {
        return refuse(
            "an IPv6 address in brackets is not understood by the driver, which would take localhost instead; give a host name",
        );
    }
    // `amqp://host/` names the vhost "", which nobody has; "/" is meant.
    if uri.vhost.is_empty() {
        uri.vhost = "/".to_owned();
    }
    uri.query.heartbeat = Some(HEARTBEAT);
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_its_heartbeat_is_ours() {
        let uri = parse("amqp://me:secret@broker:5673/?heartbeat=600").unwrap();
        assert_eq!((uri.authority.host.as_str(), uri.authority.port, uri.vhost.as_str()), ("broker", 5673, "/"));
        assert_eq!(uri.query.heartbeat, Some(HEARTBEAT));
        assert_eq!(parse("amqp://broker/flows").unwrap().vhost, "flows");
    }

    #[test]
    fn what_would_not_do_what_it_says_is_refused_without_showing_the_password() {
        for url in ["amqp:canary", "http://me:canary@host", "canary", "amqp://me:canary@[::1]:5672"] {
            let refused = parse(url).unwrap_err().to_string();
            assert!(refused.contains("AMQP_URL") && !refused.contains("canary"), "{refused}");
        }
    }

    #[cfg(not(feature = "rabbitmq-tls"))]
    #[test]
    fn tls_that_is_not_built_in_is_refused() {
        let refused = parse("amqps://me:canary@host").unwrap_err().to_string();
        assert!(refused.contains("rabbitmq-tls") && !refused.contains("canary"), "{refused}");
    }
}
