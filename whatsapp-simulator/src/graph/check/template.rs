//! Templates: the shape only, as the simulator knows no template's text.

use serde_json::Value;

use super::fields::{Checked, Fields, array, as_object, invalid, missing, object, present, text};
use super::media;

/// Longest name.
const MOST_NAME: usize = 512;
/// More than any template has.
const MOST_PARAMETERS: usize = 1024;

pub(super) fn check(template: &Fields) -> Checked {
    text(template, "name", "template", MOST_NAME)?;
    text(object(template, "language", "template")?, "code", "template.language", 32)?;
    if present(template, "components").is_none() {
        return Ok(());
    }
    for (nth, component) in array(template, "components", "template", (0, MOST_PARAMETERS))?.iter().enumerate() {
        let at = format!("template.components[{nth}]");
        check_component(as_object(component, &at)?, &at)?;
    }
    Ok(())
}

fn check_component(component: &Fields, at: &str) -> Checked {
    match text(component, "type", at, 64)?.to_ascii_lowercase().as_str() {
        "header" | "body" | "footer" => {}
        "button" => {
            let kind = text(component, "sub_type", at, 64)?.to_ascii_lowercase();
            let known = ["quick_reply", "url", "copy_code", "flow", "catalog", "mpm", "voice_call", "order_details"];
            if !known.contains(&kind.as_str()) {
                return Err(invalid(format_args!("{at}.sub_type"), format_args!("{kind} is not known")));
            }
            // Meta's examples have "0" as well as 0.
            let index = present(component, "index").ok_or_else(|| missing(at, "index"))?;
            let number = index.as_u64().or_else(|| index.as_str().and_then(|text| text.parse().ok()));
            if number.is_none_or(|number| number > 9) {
                return Err(invalid(format_args!("{at}.index"), "must be between 0 and 9"));
            }
        }
        // Shapes of their own, which flows don't use.
        "carousel" | "limited_time_offer" | "order_status" | "tap_target_configuration" => return Ok(()),
        other => return Err(invalid(format_args!("{at}.type"), format_args!("{other} is not known"))),
    }
    if present(component, "parameters").is_none() {
        return Ok(());
    }
    for (nth, parameter) in array(component, "parameters", at, (0, MOST_PARAMETERS))?.iter().enumerate() {
        let at = format!("{at}.parameters[{nth}]");
        check_parameter(as_object(parameter, &at)?, &at)?;
    }
    Ok(())
}

fn check_parameter(parameter: &Fields, at: &str) -> Checked {
    match text(parameter, "type", at, 64)?.to_ascii_lowercase().as_str() {
        kind @ ("text" | "payload") => match present(parameter, kind) {
            None => Err(missing(at, kind)),
            // Meta's own examples have booleans here.
            Some(Value::String(_) | Value::Bool(_) | Value::Number(_)) => Ok(()),
            Some(_) => Err(invalid(format_args!("{at}.{kind}"), "must be a string")),
        },
        kind @ ("image" | "video" | "document") => {
            media::source(object(parameter, kind, at)?, format_args!("{at}.{kind}"))
        }
        kind @ ("currency" | "date_time" | "location" | "action") => object(parameter, kind, at).map(|_| ()),
        kind @ "coupon_code" => text(parameter, kind, at, 64).map(|_| ()),
        // Products and the like.
        _ => Ok(()),
    }
}
