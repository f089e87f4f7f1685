"""Events to the bytes that are sent, at the moment of sending; one file per encoding.

Only then is it known how old an event is, whether it comes from the backlog, and whether the wall
clock can be trusted after all. The JSON Schemas beside this file bound every field there is.
"""
