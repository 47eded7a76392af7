"""The sample model: is a flight going to arrive more than 15 minutes late?"""
