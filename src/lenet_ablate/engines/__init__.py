"""What computes: learners that train one network, behind one protocol."""
