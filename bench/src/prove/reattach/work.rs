//! What the client of this proof does, and what must come of it.
//!
//! One session sends and does not wait, one commits pairs of sends to two queues, one consumes from all of them and asks now and then
//! whether there is more. Each message says where in its queue it belongs. What must stay true: every message comes once, in order,
//! as a first delivery, and every request has one answer.

use protocol::core::identity::{ConsumerId, CorrelationId, ForcedSequence, MessageId, ProducerId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::{Acknowledge, CreateConsumer, ForceDelivery};
use protocol::core::packet::credit::ConsumerCredits;
use protocol::core::packet::query::QueueQuery;
use protocol::core::packet::queue::{CreateQueueV2, GroupCount, QueueAttributes, QueueDefinition};
use protocol::core::packet::session::AddMetadataV2;
use protocol::core::packet::transaction::Commit;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::message::{MessageBuilder, MessageView, PropertyValue, property_name};
use protocol::simple_string::SimpleString;

use super::Plan;
use super::channel::{Channel, Owed};

/// Sends of the first session that are not answered, at most.
const UNANSWERED_MAX: usize = 4;
/// Credit of each consumer: a few messages.
const CREDIT_BYTES: i32 = 1_000;
/// Deliveries of a consumer between two questions whether there is more.
const QUESTION_EVERY: u64 = 3;

/// Places of the sessions.
pub(super) const HIDDEN: usize = 0;
pub(super) const SENDER: usize = 1;
pub(super) const COMMITTER: usize = 2;
pub(super) const TAKER: usize = 3;

/// One queue.
#[derive(Debug)]
struct Line {
    name: String,
    /// Messages that will have been sent to it.
    goal: u64,
    /// The next message to come.
    next: u64,
    /// Questions asked, and answered.
    asked: i64,
    told: i64,
    credits: i32,
}

/// Where the work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begun,
    /// Queues are being made, and consumers.
    Preparing,
    Consuming,
    Counting,
    Closing,
    Done,
}

/// The work of one client.
#[derive(Debug)]
pub(super) struct Work {
    lines: Vec<Line>,
    sent: u64,
    commits: u64,
    correlation: i64,
    stage: Stage,
    /// Queues that were counted at the end.
    counted: usize,
}

impl Work {
    pub(super) fn new(plan: &Plan) -> Self {
        let goals = [plan.messages, plan.commits, plan.commits];
        let lines = plan.queues.iter().zip(goals).map(|(name, goal)| Line {
            name: name.clone(),
            goal,
            next: 0,
            asked: 0,
            told: 0,
            credits: 0,
        });
        let (sent, commits, correlation, counted) = (0, 0, 0, 0);
        Self { lines: lines.collect(), sent, commits, correlation, stage: Stage::Begun, counted }
    }

    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// What it waits for, in words.
    pub(super) fn state(&self) -> String {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| format!("{} of {}, {} of {} asked", line.next, line.goal, line.told, line.asked))
            .collect();
        format!("{:?}, sent {}, commits {}, came {}", self.stage, self.sent, self.commits, lines.join("; "))
    }

    /// Asks for what is to be done next; all sessions are open.
    pub(super) fn go_on(&mut self, channels: &mut [Channel], out: &mut Vec<u8>) {
        if self.stage == Stage::Begun {
            self.stage = Stage::Preparing;
            self.begin(channels, out);
        }
        if self.stage == Stage::Preparing {
            if channels.iter().any(|channel| !channel.owed.is_empty()) {
                return;
            }
            self.stage = Stage::Consuming;
        }
        if let Some(channel) = channels.get_mut(SENDER) {
            self.send_some(channel, out);
        }
        if let Some(channel) = channels.get_mut(COMMITTER).filter(|channel| channel.owed.is_empty()) {
            self.commit_one(channel, out);
        }
        let quiet = channels.iter().all(|channel| channel.owed.is_empty());
        let came = self.lines.iter().all(|line| line.next == line.goal && line.told == line.asked);
        if self.stage == Stage::Consuming && quiet && came {
            self.stage = Stage::Counting;
            if let Some(channel) = channels.get_mut(TAKER) {
                for line in &self.lines {
                    let name = SimpleString::from(line.name.as_str());
                    channel.send(&Packet::QueueQuery(QueueQuery { name: name.as_simple() }), out);
                    channel.owed.push_back(Owed::Queue);
                }
            }
        } else if self.stage == Stage::Counting && quiet {
            self.stage = Stage::Closing;
            for channel in channels {
                channel.send(&Packet::SessionClose, out);
                channel.owed.push_back(Owed::Null(-1));
                channel.closing = true;
            }
        } else if self.stage == Stage::Closing && quiet {
            self.stage = Stage::Done;
        }
    }

    fn begin(&mut self, channels: &mut [Channel], out: &mut Vec<u8>) {
        if let Some(hidden) = channels.get_mut(HIDDEN) {
            let metadata = AddMetadataV2 { key: "jms-session".into(), data: "".into(), requires_confirmation: true };
            hidden.send(&Packet::AddMetadataV2(metadata), out);
            hidden.owed.push_back(Owed::Null(-1));
        }
        let Some(taker) = channels.get_mut(TAKER) else { return };
        taker.send(&Packet::SessionStart, out);
        for (number, line) in (0..).zip(&self.lines) {
            let name = SimpleString::from(line.name.as_str());
            let definition = QueueDefinition {
                address: name.as_simple(),
                name: name.as_simple(),
                filter: None,
                durable: true,
                temporary: false,
                requires_response: true,
                auto_created: false,
                routing_type: RoutingType::ANYCAST,
                max_consumers: -1,
                purge_on_no_consumers: false,
            };
            let create = CreateQueueV2 { definition, attributes: QueueAttributes::default(), groups: GroupCount::ALL };
            taker.send(&Packet::CreateQueueV2(create), out);
            taker.owed.push_back(Owed::Null(-1));
            let create = CreateConsumer {
                consumer_id: ConsumerId(number),
                queue_name: name.as_simple(),
                filter: None,
                browse_only: false,
                requires_response: true,
                priority: 0,
            };
            taker.send(&Packet::CreateConsumer(create), out);
            taker.owed.push_back(Owed::Queue);
            let credits = ConsumerCredits { consumer_id: ConsumerId(number), credits: CREDIT_BYTES };
            taker.send(&Packet::ConsumerCredits(credits), out);
        }
    }

    fn send_some(&mut self, channel: &mut Channel, out: &mut Vec<u8>) {
        let Some(line) = self.lines.first() else { return };
        while self.sent < line.goal && channel.owed.len() < UNANSWERED_MAX {
            self.correlation += 1;
            channel.owed.push_back(Owed::Null(self.correlation));
            let message = message(&line.name, self.sent);
            channel.send(&send(&message, Some(self.correlation)), out);
            self.sent += 1;
        }
    }

    fn commit_one(&mut self, channel: &mut Channel, out: &mut Vec<u8>) {
        let pair = self.lines.get(1..).unwrap_or_default();
        if pair.first().is_none_or(|line| self.commits == line.goal) {
            return;
        }
        for line in pair {
            let message = message(&line.name, self.commits);
            channel.send(&send(&message, None), out);
        }
        self.correlation += 1;
        let commit = Commit { correlation_id: Some(CorrelationId(self.correlation)) };
        channel.send(&Packet::Commit(commit), out);
        channel.owed.push_back(Owed::Null(self.correlation));
        self.commits += 1;
    }

    /// A packet that counts has come to a session.
    pub(super) fn heard(
        &mut self,
        at: &mut Channel,
        packet: &Packet<'_>,
        bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        match packet {
            Packet::NullResponse(response) => answered(at, &Owed::Null(response.correlation_id.0)),
            Packet::QueueQueryResponse(response) => {
                answered(at, &Owed::Queue)?;
                if self.stage != Stage::Counting {
                    return Ok(());
                }
                self.counted += 1;
                match response.queue.message_count {
                    0 => Ok(()),
                    count => Err(format!("queue {} has {count} messages left at the end", self.counted)),
                }
            }
            Packet::ReceiveMessage(received) => {
                let view = MessageView::parse(received.message).map_err(|error| error.to_string())?;
                let sequence = view.header.properties.get(property_name::FORCED_DELIVERY_SEQUENCE);
                let number = received.trailer.consumer_id.0;
                let line = usize::try_from(number).ok().and_then(|number| self.lines.get_mut(number));
                let line = line.ok_or_else(|| format!("a delivery for consumer {number}"))?;
                if let Ok(Some(PropertyValue::Long(sequence))) = sequence {
                    return line.told_nothing_more(sequence);
                }
                let text = view.text().map(|text| text.to_string()).unwrap_or_default();
                line.take(&text, received.trailer.delivery_count)?;
                line.acknowledge(number, view.header.message_id, bytes, at, out);
                Ok(())
            }
            Packet::Exception(exception) => {
                let text = exception.message.map(|text| text.to_string()).unwrap_or_default();
                Err(format!("exception {:?} on channel {}: {text}", exception.code, at.number))
            }
            other => Err(format!("{} came", other.packet_type())),
        }
    }
}

impl Line {
    fn take(&mut self, text: &str, deliveries: i32) -> Result<(), String> {
        if text != self.next.to_string() || deliveries != 1 {
            let (name, next) = (&self.name, self.next);
            return Err(format!("message {text} of {name} came for the {deliveries}. time where {next} was due"));
        }
        self.next += 1;
        Ok(())
    }

    fn acknowledge(&mut self, consumer: i64, message: MessageId, bytes: usize, at: &mut Channel, out: &mut Vec<u8>) {
        let consumer_id = ConsumerId(consumer);
        let requires_response = self.next.is_multiple_of(2);
        let ack = Acknowledge { consumer_id, message_id: message, requires_response };
        at.send(&Packet::Acknowledge(ack), out);
        if requires_response {
            at.owed.push_back(Owed::Null(-1));
        }
        self.credits += i32::try_from(bytes).unwrap_or(0);
        if self.credits > CREDIT_BYTES / 2 {
            let credits = std::mem::take(&mut self.credits);
            at.send(&Packet::ConsumerCredits(ConsumerCredits { consumer_id, credits }), out);
        }
        if self.next.is_multiple_of(QUESTION_EVERY) {
            let force = ForceDelivery { consumer_id, sequence: ForcedSequence(self.asked) };
            at.send(&Packet::ForceDelivery(force), out);
            self.asked += 1;
        }
    }

    fn told_nothing_more(&mut self, sequence: i64) -> Result<(), String> {
        if sequence != self.told || self.told == self.asked {
            return Err(format!("question {sequence} of {} is answered, {} was due", self.name, self.told));
        }
        self.told += 1;
        Ok(())
    }
}

fn answered(at: &mut Channel, with: &Owed) -> Result<(), String> {
    match at.owed.pop_front() {
        Some(owed) if owed == *with => Ok(()),
        owed => Err(format!("{with:?} came on channel {} where {owed:?} was due", at.number)),
    }
}

fn message(queue: &str, number: u64) -> Vec<u8> {
    let mut message = Vec::new();
    let builder = MessageBuilder::new(queue).text(&number.to_string()).durable(true);
    builder.routing_type(RoutingType::ANYCAST).write(&mut message);
    message
}

fn send(message: &[u8], answer: Option<i64>) -> Packet<'_> {
    let trailer = SendTrailer {
        requires_response: answer.is_some(),
        correlation_id: CorrelationId(answer.unwrap_or(0)),
        producer_id: ProducerId::UNNAMED,
    };
    Packet::Send(Send { message, trailer })
}
