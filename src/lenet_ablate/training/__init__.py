"""The one training loop: from plan, arrays and a learner to a run's record."""
