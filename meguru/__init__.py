"""The vocabulary and the decisions every part of Meguru shares; standard library only."""
