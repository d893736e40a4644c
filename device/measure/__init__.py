"""What Lintel measures about itself: accuracy, speed, and the simulated visitors that the demo and the tests play."""
