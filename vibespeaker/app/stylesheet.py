"""The page's style sheet: what Streamlit's themes do not say; greys are see-through, for light and dark pages."""

STYLE = """
[data-testid="stMainBlockContainer"] { max-width: 66rem; padding-top: 2.5rem; padding-bottom: 3rem; }
.vs-bars { width: 100%; border-collapse: collapse; margin: 0; }
.vs-bars th { font-weight: 400; text-align: left; white-space: nowrap; padding: .15rem .8rem .15rem 0; width: 6.5rem; }
.vs-bars td { padding: .15rem 0; }
.vs-bars td.vs-number { width: 3rem; text-align: right; font-variant-numeric: tabular-nums; }
.vs-bars, .vs-bars tr, .vs-bars td, .vs-bars th { border: 0 !important; }
.vs-track { background: rgba(128, 128, 128, .2); border-radius: 3px; height: .9rem; }
.vs-fill { border-radius: 3px; height: 100%; min-width: 2px; }
.vs-said { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem .8rem; font-size: 1.8rem; font-weight: 600;
  margin: 0; line-height: 1.3; }
.vs-said small { font-size: 1rem; font-weight: 400; opacity: .85; }
.vs-face { font-size: 3.2rem; line-height: 1; }
.vs-remark { margin: 0; opacity: .85; }
.vs-notes { margin: .4rem 0 0; padding-left: 1.2rem; font-size: .95rem; }
.vs-quote { font-size: 1.15rem; margin: 0; padding-left: .8rem; border-left: 3px solid rgba(128, 128, 128, .5);
  overflow-wrap: anywhere; max-height: 16rem; overflow-y: auto; }
.vs-side { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1.2rem 2rem; }
.vs-side h4, .vs-told h4 { font-size: 1rem; margin: 0 0 .3rem; padding: 0; overflow-wrap: anywhere; }
.vs-side p { margin: 0 0 .3rem; font-size: .95rem; }
.vs-time { position: relative; margin: 0; }
.vs-strip { position: relative; height: 1.5rem; margin-bottom: 3px; }
.vs-strip span { position: absolute; top: 0; bottom: 0; overflow: hidden; white-space: nowrap; text-overflow: clip;
  font-size: .8rem; line-height: 1.5rem; padding-left: .2rem; color: #fff; border-radius: 2px; box-sizing: border-box; }
.vs-picture { position: relative; }
.vs-wave { height: 5rem; }
.vs-picture img { display: block; width: 100%; border-radius: 2px; max-width: 100%; }
.vs-picture img { height: 9rem; }
.vs-picture .vs-mark { position: absolute; top: 0; bottom: 0; border-left: 2px solid; border-right: 2px solid;
  box-sizing: border-box; }
.vs-unit { position: absolute; left: 4px; top: 2px; font-size: .75rem; color: #fff; text-shadow: 0 0 3px #000; }
.vs-ticks { position: relative; height: 1.3rem; font-size: .8rem; opacity: .85; }
.vs-ticks span { position: absolute; white-space: nowrap; border-left: 1px solid rgba(128, 128, 128, .7);
  padding-left: .2rem; }
.vs-stack { position: relative; height: 10rem; background: rgba(128, 128, 128, .12); border-radius: 2px;
  overflow: hidden; }
.vs-stack > div { position: absolute; top: 0; bottom: 0; display: flex; flex-direction: column; }
.vs-levels { position: relative; height: 7rem; background: rgba(128, 128, 128, .12); border-radius: 2px; }
.vs-end { position: absolute; right: .3rem; font-size: .75rem; }
.vs-line { position: absolute; height: 4px; margin-bottom: -2px; border-radius: 2px; }
.vs-legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0 !important;
  margin: .4rem 0 0 !important; font-size: .9rem; }
.vs-legend li { margin: 0 !important; }
.vs-legend span { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .35rem; }
.vs-scale { position: relative; height: .4rem; background: rgba(128, 128, 128, .3); border-radius: 3px;
  margin: .7rem 0; }
.vs-dot { position: absolute; width: 1rem; height: 1rem; border-radius: 50%; transform: translate(-50%, -50%);
  top: 50%;
  border: 2px solid #fff; box-sizing: border-box; box-shadow: 0 0 0 1px rgba(0, 0, 0, .5); }
.vs-plane { position: relative; width: min(100%, 17rem); aspect-ratio: 1; border: 1px solid rgba(128, 128, 128, .6);
  border-radius: 2px; background: linear-gradient(rgba(128, 128, 128, .5), rgba(128, 128, 128, .5)) 50% 0 / 1px 100%
  no-repeat, linear-gradient(rgba(128, 128, 128, .5), rgba(128, 128, 128, .5)) 0 50% / 100% 1px no-repeat; }
.vs-plane .vs-corner { position: absolute; font-size: .75rem; opacity: .85; padding: .1rem .3rem; }
.vs-plane .vs-small { width: .5rem; height: .5rem; border-width: 1px; opacity: .7; }
.vs-wide { overflow-x: auto; max-height: 24rem; }
.vs-table { border-collapse: collapse; font-size: .9rem; width: 100%; }
.vs-table th { text-align: left; white-space: nowrap; }
.vs-table th, .vs-table td { padding: .2rem .7rem .2rem 0; vertical-align: top; }
.vs-told p, .vs-told li { font-size: .95rem; }
.vs-told { overflow-wrap: anywhere; }
.vs-caution { border-left: 4px solid #b07d00; padding: .1rem 0 .1rem .9rem; font-size: .95rem; }
.vs-caution p { margin: .25rem 0; }
.vs-synthetic { border: 2px solid #d1495b; border-radius: 4px; padding: .3rem .7rem; font-weight: 600;
  margin: .3rem 0; }
"""
