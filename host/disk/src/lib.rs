//! The local store: an append log with group commit, and images.
