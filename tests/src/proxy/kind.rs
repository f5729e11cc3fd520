//! What a request is, as far as faults care.

use super::http::Message;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// GetObject.
    Get,
    /// HeadObject.
    Head,
    /// ListObjectsV2.
    List,
    /// PutObject.
    Put,
    /// SendMessage and SendMessageBatch.
    Send,
    /// ReceiveMessage.
    Receive,
    /// DeleteMessage and DeleteMessageBatch.
    Delete,
    /// ChangeMessageVisibility.
    Visibility,
    /// GetQueueAttributes.
    Attributes,
    /// Anything else.
    Other,
}

impl Kind {
    /// The kind of a request.
    pub fn of(request: &Message) -> Self {
        match request.header("x-amz-target") {
            Some(action) => Self::of_action(action.rsplit('.').next().unwrap_or_default()),
            None => Self::of_object(request.method(), request.target()),
        }
    }

    /// Whether it is asked of the queues.
    pub fn is_of_queue(self) -> bool {
        matches!(self, Self::Send | Self::Receive | Self::Delete | Self::Visibility | Self::Attributes)
    }

    fn of_action(action: &str) -> Self {
        match action {
            "SendMessage" | "SendMessageBatch" => Self::Send,
            "ReceiveMessage" => Self::Receive,
            "DeleteMessage" | "DeleteMessageBatch" => Self::Delete,
            "ChangeMessageVisibility" => Self::Visibility,
            "GetQueueAttributes" => Self::Attributes,
            _ => Self::Other,
        }
    }

    fn of_object(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let in_bucket = path.trim_matches('/').contains('/');
        match method {
            "GET" if query.contains("list-type=2") => Self::List,
            "GET" if in_bucket => Self::Get,
            "HEAD" if in_bucket => Self::Head,
            "PUT" if in_bucket => Self::Put,
            _ => Self::Other,
        }
    }
}

/// What a request is about: an object, and which part of it, or an action on a queue.
pub fn subject(request: &Message) -> String {
    let path = request.target().split('?').next().unwrap_or_default();
    let part = request.header("x-amz-target").or_else(|| request.header("range")).unwrap_or_default();
    format!("{} {path} {part}", request.method())
}
