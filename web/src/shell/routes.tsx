// Which page stands at which path. Each is a chunk of its own.
import { lazy } from 'react';
import { Navigate, Route, Routes } from 'react-router-dom';

const Home = lazy(() => import('../pages/Home'));
const Pipe = lazy(() => import('../pages/Pipe'));
const Runs = lazy(() => import('../pages/Runs'));
const Sql = lazy(() => import('../pages/Sql'));
const Alerts = lazy(() => import('../pages/Alerts'));
const Gallery = lazy(() => import('../panels/Gallery'));
const DashboardList = lazy(() => import('../dashboard/DashboardList'));
const DashboardPage = lazy(() => import('../dashboard/DashboardPage'));

export function Pages() {
  return (
    <Routes>
      <Route path="/" element={<Home />} />
      <Route path="/dashboards" element={<DashboardList />} />
      <Route path="/d/:uid" element={<DashboardPage />} />
      <Route path="/d/:uid/:slug" element={<DashboardPage />} />
      <Route path="/pipe" element={<Pipe />} />
      <Route path="/runs" element={<Runs />} />
      <Route path="/sql" element={<Sql />} />
      <Route path="/alerts" element={<Alerts />} />
      <Route path="/gallery" element={<Gallery />} />
      <Route path="/login" element={<Navigate to="/" replace />} />
      <Route path="*" element={<NotFound />} />
    </Routes>
  );
}

function NotFound() {
  return (
    <div style={{ padding: 24 }}>
      <h1>Nothing is here</h1>
      <p>The address names no page of Millrace.</p>
    </div>
  );
}
