// The alerts page.

export default function Alerts() {
  return <h1>Alerts</h1>;
}
