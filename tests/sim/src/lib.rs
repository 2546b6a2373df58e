//! Many nodes in one process from one seed.
