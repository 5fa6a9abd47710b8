//! Requests to look after the broker as CORE messages (`ManagementHelper`, `ManagementServiceImpl.handleMessage`).

use protocol::core::cursor::Reader;
use protocol::limits;
use protocol::message::{MessageBuilder, MessageView, PropertyValue, property_name};

use crate::limits::MANAGEMENT_REPLY_BYTES_MAX;
use crate::management::{Call, Outcome, Request};

/// Where the result goes, and under which name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyTo {
    /// As the client wrote it; without one nobody wants the result.
    pub destination: Option<String>,
    /// The client's name for its request.
    pub correlation: Option<String>,
}

impl ReplyTo {
    /// The address behind the destination: JMS clients write a prefix.
    pub fn address(&self) -> Option<&str> {
        let destination = self.destination.as_deref()?;
        let prefixes = ["queue://", "topic://", "temp-queue://", "temp-topic://"];
        Some(prefixes.iter().find_map(|prefix| destination.strip_prefix(prefix)).unwrap_or(destination))
    }
}

/// Is this message sent to that address?
pub fn is_sent_to(message: &[u8], address: &str) -> bool {
    let view = MessageView::parse(message).ok();
    view.and_then(|view| view.header.address).is_some_and(|name| name.chars().eq(address.chars()))
}

/// Reads a request. Even one that cannot be understood says where its answer goes.
pub fn read_request(message: &[u8]) -> (ReplyTo, Result<Request, String>) {
    let Ok(view) = MessageView::parse(message) else {
        return (ReplyTo::default(), Err("the request is no message".to_owned()));
    };
    let text = |name: &str| match view.header.properties.get(name) {
        Ok(Some(PropertyValue::String(text))) => Some(text.to_string()),
        _ => None,
    };
    let correlation = text(property_name::CORRELATION_ID).or_else(|| view.header.user_id.map(|id| id.to_string()));
    let reply_to = ReplyTo { destination: text(property_name::REPLY_TO), correlation };
    let Some(resource) = text(property_name::RESOURCE) else {
        return (reply_to, Err(format!("the request has no property {}", property_name::RESOURCE)));
    };
    let call = match (text(property_name::OPERATION), text(property_name::ATTRIBUTE)) {
        (Some(name), _) => Call::operation(&name, body(view.body()).as_deref()),
        (None, Some(name)) => Ok(Call::Attribute(name)),
        (None, None) => {
            Err(format!("the request has neither {} nor {}", property_name::OPERATION, property_name::ATTRIBUTE))
        }
    };
    (reply_to, call.map(|call| Request { resource, call }))
}

/// The text in a body: nothing for an empty one and for a null text.
fn body(body: &[u8]) -> Option<String> {
    let mut reader = Reader::new(body);
    if !reader.bool().ok()? {
        return None;
    }
    Some(reader.simple_str_up_to(limits::FRAME_BYTES_MAX).ok()?.to_string())
}

/// The message that tells the result.
pub fn write_result(reply_to: &ReplyTo, outcome: &Outcome) -> Vec<u8> {
    let (succeeded, value) = match outcome {
        Ok(value) => (true, value.clone()),
        Err(text) => (false, text.as_str().into()),
    };
    let mut text = (!value.is_null()).then(|| serde_json::Value::Array(vec![value]).to_string());
    let mut succeeded = succeeded;
    if text.as_ref().is_some_and(|text| text.len() > MANAGEMENT_REPLY_BYTES_MAX) {
        succeeded = false;
        text = Some("[\"the result is longer than 16 MiB: ask for pages\"]".to_owned());
    }
    let mut builder = MessageBuilder::new(reply_to.address().unwrap_or_default()).priority(0);
    builder = match text {
        Some(text) => builder.text(&text),
        None => builder.null_text(),
    };
    if let Some(destination) = &reply_to.destination {
        builder = builder.text_property(property_name::REPLY_TO, destination);
    }
    builder = builder.property(property_name::SUCCEEDED, PropertyValue::Bool(succeeded));
    if let Some(correlation) = &reply_to.correlation {
        builder = builder.text_property(property_name::CORRELATION_ID, correlation);
    }
    let mut message = Vec::new();
    builder.write(&mut message);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::message::{MessageKind, UserId};
    use serde_json::json;

    fn request() -> MessageBuilder {
        MessageBuilder::new("activemq.management")
            .text_property("JMSReplyTo", "temp-queue://answers")
            .text_property("_AMQ_ResourceName", "broker")
            .user_id(UserId([1; 16]))
    }

    fn read(builder: &MessageBuilder) -> (ReplyTo, Result<Request, String>) {
        let mut message = Vec::new();
        builder.write(&mut message);
        read_request(&message)
    }

    #[test]
    fn an_attribute_is_read() {
        let (reply_to, request) = read(&request().text_property("_AMQ_Attribute", "NodeID"));
        assert_eq!(reply_to.address(), Some("answers"));
        assert_eq!(reply_to.correlation.as_deref(), Some("01010101-0101-0101-0101-010101010101"));
        let wanted = Request { resource: "broker".to_owned(), call: Call::Attribute("NodeID".to_owned()) };
        assert_eq!(request, Ok(wanted));
    }

    #[test]
    fn an_operation_is_read_with_its_arguments() {
        let operation = request().text_property("_AMQ_OperationName", "listQueues");
        let mut body = Vec::new();
        MessageBuilder::new("").text("[\"\",1,50]").write(&mut body);
        let body = MessageView::parse(&body).unwrap().body().to_vec();
        let (_, read_back) = read(&operation.clone().body(MessageKind::PLAIN, &body));
        let Ok(Request { call: Call::Operation { name, arguments }, .. }) = read_back else { panic!("{read_back:?}") };
        assert_eq!((name.as_str(), arguments), ("listQueues", vec![json!(""), json!(1), json!(50)]));
        // No body, a null text and an empty array mean the same.
        for body in [&[][..], &[0][..]] {
            let (_, read_back) = read(&operation.clone().body(MessageKind::PLAIN, body));
            assert!(
                matches!(read_back, Ok(Request { call: Call::Operation { arguments, .. }, .. }) if arguments.is_empty())
            );
        }
    }

    #[test]
    fn what_cannot_be_understood_still_says_where_its_answer_goes() {
        let mut bad = Vec::new();
        MessageBuilder::new("").text("{no json").write(&mut bad);
        let bad = MessageView::parse(&bad).unwrap().body().to_vec();
        let operation = request().text_property("_AMQ_OperationName", "listQueues").body(MessageKind::PLAIN, &bad);
        for message in [request(), MessageBuilder::new("x").text_property("JMSReplyTo", "answers"), operation] {
            let (reply_to, request) = read(&message);
            assert_eq!(reply_to.address(), Some("answers"));
            assert!(request.is_err());
        }
        assert!(read_request(&[1, 2, 3]).1.is_err());
    }

    #[test]
    fn a_result_is_an_array_of_one_or_a_null_text() {
        let reply_to = ReplyTo { destination: Some("queue://a".to_owned()), correlation: Some("7".to_owned()) };
        for (outcome, text, succeeded) in [
            (Ok(json!("x")), Some("[\"x\"]"), true),
            (Ok(json!(["a", "b"])), Some("[[\"a\",\"b\"]]"), true),
            (Ok(json!(null)), None, true),
            (Err("no".to_owned()), Some("[\"no\"]"), false),
        ] {
            let message = write_result(&reply_to, &outcome);
            let view = MessageView::parse(&message).unwrap();
            view.validate().unwrap();
            assert_eq!(view.text().map(|text| text.to_string()).as_deref(), text);
            assert_eq!(view.header.kind, MessageKind::TEXT);
            assert_eq!(view.header.address.unwrap(), "a");
            assert_eq!((view.header.priority, view.header.durable, view.header.timestamp_ms), (0, false, 0));
            let properties = view.header.properties;
            assert_eq!(properties.get("_AMQ_OperationSucceeded").unwrap(), Some(PropertyValue::Bool(succeeded)));
            assert!(
                matches!(properties.get("JMSCorrelationID").unwrap(), Some(PropertyValue::String(id)) if id == "7")
            );
            assert!(
                matches!(properties.get("JMSReplyTo").unwrap(), Some(PropertyValue::String(to)) if to == "queue://a")
            );
        }
    }
}
