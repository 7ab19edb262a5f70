"""The Gibbs energy of one phase at one state point: its parameters, its terms, and the methods that compute it."""
