//! What proves the journal: the simulated disk, its driver, the reference model and the conformance suite.
