// The entry. What Grafana's libraries read while they load is set first; they come with the page itself.
import './host/boot';

void import('./shell/start').then(({ start }) => start());
