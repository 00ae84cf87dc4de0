"""Predictions that mean what they say: calibration, conformal sets and prior shift, on prediction tables alone."""
