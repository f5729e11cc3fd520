//! What SQS takes as text, and what we write beside a dead letter.

use backfleet_core::limits::{MESSAGE_BYTES_MAX, REASON_BYTES_MAX};
use backfleet_core::ports::PortFault;

/// Why a message is a dead letter. Messages that the queue itself moved have none.
pub(crate) const REASON_ATTRIBUTE: &str = "backfleet-reason";
/// How often it had been received; the dead-letter queue counts anew.
pub(crate) const RECEIVES_ATTRIBUTE: &str = "backfleet-receives";

/// Why SQS, or we, would not take this body.
pub(super) fn body_fault(body: &str) -> Option<(PortFault, &'static str)> {
    if body.is_empty() {
        return Some((PortFault::Invalid, "a message has at least one character"));
    }
    if body.len() > MESSAGE_BYTES_MAX {
        return Some((PortFault::TooLarge, "a message has at most 64 KiB"));
    }
    (!body.chars().all(is_xml_char))
        .then_some((PortFault::Invalid, "a message has only characters that XML allows"))
}

/// A reason as SQS takes it: not empty, without forbidden characters, cut to its limit.
pub(super) fn reason_text(reason: &str) -> String {
    let legal: String = reason
        .chars()
        .map(|char| if is_xml_char(char) { char } else { char::REPLACEMENT_CHARACTER })
        .collect();
    match legal.floor_char_boundary(REASON_BYTES_MAX) {
        0 => "no reason given".to_owned(),
        end => legal[..end].to_owned(),
    }
}

/// `Char` of XML 1.0 (SendMessage, "A message can include only …").
fn is_xml_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_never_one_that_sqs_refuses() {
        assert_eq!(reason_text("no such plan"), "no such plan");
        assert_eq!(reason_text(""), "no reason given");
        assert_eq!(reason_text("a\u{0}b\u{ffff}c\td"), "a\u{fffd}b\u{fffd}c\td");
        let long = reason_text(&"é\u{1}".repeat(2000));
        assert!(long.len() <= REASON_BYTES_MAX && long.len() > REASON_BYTES_MAX - 4, "{}", long.len());
        assert!(long.chars().all(is_xml_char));
    }

    #[test]
    fn a_body_that_sqs_would_refuse_is_refused_before_it_is_sent() {
        assert_eq!(body_fault(r#"{"v":1}"#), None);
        assert_eq!(body_fault(&"x".repeat(MESSAGE_BYTES_MAX)), None);
        let wrong = [("", PortFault::Invalid), ("a\u{8}", PortFault::Invalid)];
        for (body, fault) in wrong {
            assert_eq!(body_fault(body).map(|(fault, _)| fault), Some(fault), "{body:?}");
        }
        let long = "x".repeat(MESSAGE_BYTES_MAX + 1);
        assert_eq!(body_fault(&long).map(|(fault, _)| fault), Some(PortFault::TooLarge));
    }
}
