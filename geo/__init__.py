"""The earth as the site needs it: points, communes, addresses, maps. It knows nothing of workshops."""
