"""How a command lives on a machine: arguments, statuses, worker processes, the start of Keras."""
