//! Real processes against a real Redis.
