//! RingMQ's rooms, in the order in which a message passes them.
