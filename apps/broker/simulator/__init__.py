"""A simulated IB gateway that speaks the TWS socket protocol over TCP.

Standard library only: it knows nothing of Django and imports nothing from the rest of the project, so that it stands
in for Interactive Brokers exactly as far as the wire can tell.

``market``    what instruments exist and what they cost: catalogue, prices, option chains, history
``exchange``  what happens to orders: accounts, margin, matching, executions
``protocol``  how both are spelled on the wire: framing, fields, messages
``handlers``  one function for each request, ``streams`` what goes on being sent after it
``sessions``  one connection: in what order its messages are handled, what waits to be sent
``control``   the port that makes things go wrong, and tells the truth about orders and positions
``server``    the gateway that holds all of this; ``routing`` tells events to those they concern
``testing``   a gateway as a process, for the tests of the whole project
"""
