//! What a host serves over HTTP.
