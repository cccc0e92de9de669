//! What a flow sees of a message: one arm for each inbound type.

use super::json::Fields;
use flow_engine::Reply;

/// The reply that a message of this `type` is (types: Meta's webhook reference for `messages`, September 2026).
pub(super) fn of(message_type: &str, message: &Fields<'_>) -> Reply {
    // In a group nobody speaks to us alone.
    if message.get("group_id").is_some() {
        return Reply::NotAReply;
    }
    match message_type {
        "text" => text(message).unwrap_or(Reply::Wordless),
        "interactive" => tap(message).unwrap_or(Reply::Wordless),
        "button" => quick_reply(message).unwrap_or(Reply::Wordless),
        "image" | "video" | "audio" | "voice" | "document" | "sticker" | "location" | "contacts" | "order" => {
            Reply::Wordless
        }
        // Nobody says anything with these, and nobody knows what the next ones will be.
        "reaction" | "system" | "edit" | "revoke" | "request_welcome" | "unsupported" | "unknown" => Reply::NotAReply,
        _ => Reply::NotAReply,
    }
}

fn text(message: &Fields<'_>) -> Option<Reply> {
    let body = message.object("text")?.text("body")?;
    Some(Reply::Text(body.into_owned()))
}

/// A reply button or list row. A form, a permission or a payment is an `interactive` too, with nothing to compare; and
/// now and then Meta sends one without anything in it.
fn tap(message: &Fields<'_>) -> Option<Reply> {
    let interactive = message.object("interactive")?;
    let choice = interactive.object("button_reply").or_else(|| interactive.object("list_reply"))?;
    let (id, title) = (choice.text("id"), choice.text("title"));
    if id.is_none() && title.is_none() {
        return None;
    }
    Some(Reply::Tap { id: id.unwrap_or_default().into_owned(), title: title.unwrap_or_default().into_owned() })
}

fn quick_reply(message: &Fields<'_>) -> Option<Reply> {
    let button = message.object("button")?;
    let (payload, text) = (button.text("payload"), button.text("text"));
    if payload.is_none() && text.is_none() {
        return None;
    }
    Some(Reply::QuickReply {
        payload: payload.unwrap_or_default().into_owned(),
        text: text.unwrap_or_default().into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(json: &str) -> Reply {
        let fields = Fields::from_text(json).unwrap();
        of(&fields.label("type").unwrap_or_default(), &fields)
    }

    #[test]
    fn words() {
        assert_eq!(reply(r#"{"type":"text","text":{"body":"Hi"}}"#), Reply::Text("Hi".into()));
        assert_eq!(reply(r#"{"type":"text","text":{"body":42}}"#), Reply::Text("42".into()));
        assert_eq!(reply(r#"{"type":"text","text":{"body":"a\u0000b"}}"#), Reply::Text("a\0b".into()));
        for broken in [r#"{"type":"text"}"#, r#"{"type":"text","text":"Hi"}"#, r#"{"type":"text","text":{"body":[]}}"#]
        {
            assert_eq!(reply(broken), Reply::Wordless, "{broken}");
        }
    }

    #[test]
    fn taps() {
        let tap = Reply::Tap { id: "1.0.0".into(), title: "Yes".into() };
        for kind in ["button_reply", "list_reply"] {
            let json = format!(
                r#"{{"type":"interactive","interactive":{{"type":"{kind}","{kind}":{{"id":"1.0.0","title":"Yes"}}}}}}"#
            );
            assert_eq!(reply(&json), tap);
        }
        for wordless in [
            r#"{"type":"interactive"}"#,
            r#"{"type":"interactive","interactive":null}"#,
            r#"{"type":"interactive","interactive":{"type":"button_reply","button_reply":{}}}"#,
            r#"{"type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"response_json":"{}"}}}"#,
            r#"{"type":"button","button":7}"#,
        ] {
            assert_eq!(reply(wordless), Reply::Wordless, "{wordless}");
        }
        let quick = Reply::QuickReply { payload: "p".into(), text: "Yes".into() };
        assert_eq!(reply(r#"{"type":"button","button":{"payload":"p","text":"Yes"}}"#), quick);
    }

    #[test]
    fn what_says_nothing_and_what_is_no_reply() {
        for kind in ["image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "order"] {
            assert_eq!(reply(&format!(r#"{{"type":"{kind}"}}"#)), Reply::Wordless, "{kind}");
        }
        for kind in
            ["reaction", "system", "edit", "revoke", "request_welcome", "unsupported", "unknown", "hologram", ""]
        {
            assert_eq!(reply(&format!(r#"{{"type":"{kind}"}}"#)), Reply::NotAReply, "{kind}");
        }
        assert_eq!(reply(r#"{"type":"text","text":{"body":"Hi"},"group_id":"g"}"#), Reply::NotAReply);
        assert_eq!(reply(r#"{"type":"text","text":{"body":"Hi"},"group_id":null}"#), Reply::Text("Hi".into()));
    }
}
