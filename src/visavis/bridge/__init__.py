"""The avatar in a browser: a page at one port, with picture and sound by WebRTC, and what the page may ask of the graph.

Nothing here knows ROS: the node ``web_bridge`` hands pictures and sound in, and takes speech and wishes out through ``graph.GraphPort``.
"""
