//! The log, the blobs and the hosts' reports in Redis.
