"""A simulated IB gateway that speaks the TWS socket protocol over TCP.

Standard library only: it knows nothing of Django and imports nothing from the rest of the project, so that it stands
in for Interactive Brokers exactly as far as the wire can tell.

``market``    what instruments exist and what they cost: catalogue, prices, option chains, history
``exchange``  what happens to orders: accounts, margin, matching, executions
``protocol``  how both are spelled on the wire: framing, fields, messages
``server``    who is connected and what they may do: sessions, limits, faults, control port
"""
