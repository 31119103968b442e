"""HTTP/1.1 as the gateway speaks it: clients before it, engines behind it, both by Node's parser."""
