"""What gaze buys, and what other supervision of the same attention buys: arms, controls, and their comparison."""
