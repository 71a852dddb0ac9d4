"""What tests are made with: the runner of the official scripts, the pytest plugin, strategies."""
