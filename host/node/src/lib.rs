//! Runs one node on tokio: the ports, the drive loop, in-memory ports, conformance suites.
