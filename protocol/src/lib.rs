//! Placeholder of a room whose first step lands next.
