//! Names of properties that mean something to a broker.

/// BYTE: only queues of this routing type take the message. Receivers need it, too.
pub const ROUTING_TYPE: &str = "_AMQ_ROUTING_TYPE";
/// STRING or BYTES: a message with an id that was seen before is not taken again.
pub const DUPLICATE_ID: &str = "_AMQ_DUPL_ID";
/// LONG: not to be delivered before this time, in ms since the epoch.
pub const SCHEDULED_DELIVERY: &str = "_AMQ_SCHED_DELIVERY";
/// STRING: messages of one group go to one consumer.
pub const GROUP_ID: &str = "_AMQ_GROUP_ID";
/// INT: place in the group; -1 ends it.
pub const GROUP_SEQUENCE: &str = "_AMQ_GROUP_SEQUENCE";
/// STRING: the key in a queue that keeps the last value.
pub const LAST_VALUE: &str = "_AMQ_LVQ_NAME";
/// STRING: where the answer is awaited.
pub const REPLY_TO: &str = "JMSReplyTo";
/// STRING: which request an answer belongs to.
pub const CORRELATION_ID: &str = "JMSCorrelationID";
/// STRING: of what a request to the broker speaks, such as `broker` or `queue.orders`.
pub const RESOURCE: &str = "_AMQ_ResourceName";
/// STRING: what is to be done with it.
pub const OPERATION: &str = "_AMQ_OperationName";
/// STRING: what is to be told of it.
pub const ATTRIBUTE: &str = "_AMQ_Attribute";
/// BOOLEAN: it was done.
pub const SUCCEEDED: &str = "_AMQ_OperationSucceeded";
/// LONG: uncompressed size of a large body.
pub const LARGE_SIZE: &str = "_AMQ_LARGE_SIZE";
/// BOOLEAN: the body is compressed.
pub const LARGE_COMPRESSED: &str = "_AMQ_LARGE_COMPRESSED";
/// STRING: where a copy in a dead-letter or expiry address came from.
pub const ORIGINAL_ADDRESS: &str = "_AMQ_ORIG_ADDRESS";
/// STRING: the queue of that.
pub const ORIGINAL_QUEUE: &str = "_AMQ_ORIG_QUEUE";
/// LONG: the id the original had.
pub const ORIGINAL_MESSAGE_ID: &str = "_AMQ_ORIG_MESSAGE_ID";
/// BYTE: the routing type the original had.
pub const ORIGINAL_ROUTING_TYPE: &str = "_AMQ_ORIG_ROUTING_TYPE";
/// LONG: when the original expired.
pub const ACTUAL_EXPIRY: &str = "_AMQ_ACTUAL_EXPIRY";
/// LONG: answers a request to force deliveries.
pub const FORCED_DELIVERY_SEQUENCE: &str = "_hornetq.forced.delivery.seq";
