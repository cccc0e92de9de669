//! Events in short words, so that a test can say what it expects in a line.

use crate::world::{Taken, World};
use flow_engine::Reply;
use shared::{
    event::{InboundMessage, KeptEvent, StatusUpdate},
    ids::Identities,
};

/// Posts a callback, which must be kept, and returns what came of it, in words.
pub async fn became(world: &World, body: impl Into<Vec<u8>>) -> Vec<String> {
    world.kept(body).await.iter().map(in_words).collect()
}

/// A message as `type from whom: what flows see of it`, a status as `status word`, the rest as `kept kind field`.
pub fn in_words(taken: &Taken) -> String {
    match taken.kind.as_str() {
        "message" => message_in_words(&serde_json::from_value(taken.body.clone()).unwrap()),
        "status" => {
            let status: StatusUpdate = serde_json::from_value(taken.body.clone()).unwrap();
            let code = status.error.map(|error| format!(" {}", error.code)).unwrap_or_default();
            format!("status {}{code}", status.status.as_str())
        }
        "kept" => {
            let kept: KeptEvent = serde_json::from_value(taken.body.clone()).unwrap();
            format!("kept {} {}", kept.kind.as_str(), kept.field.unwrap_or_default())
        }
        other => panic!("the gateway made an event of kind {other}"),
    }
}

fn message_in_words(message: &InboundMessage) -> String {
    let before = message.previously.as_ref().map(|ids| format!(", before {}", ids_in_words(ids))).unwrap_or_default();
    let reply = match &message.reply {
        Reply::Text(text) => format!("says {text}"),
        Reply::Tap { id, title } => format!("tap {id} ({title})"),
        Reply::QuickReply { payload, text } => format!("quick reply {payload} ({text})"),
        Reply::Wordless => "wordless".to_owned(),
        Reply::NotAReply => "no reply".to_owned(),
    };
    format!("{} from {}{before}: {reply}", message.message_type, ids_in_words(&message.sender))
}

fn ids_in_words(ids: &Identities) -> String {
    let known: Vec<&str> = [&ids.bsuid, &ids.phone].into_iter().flatten().map(AsRef::as_ref).collect();
    known.join(", ")
}
