// Controls beside the video, because the browser's own would cover the strip of words; and a click into a timeline seeks.
const video = document.querySelector("video");
if (video) {
  const panel = document.querySelector(".player");
  const [play, seek, time] = panel.children;
  const end = () => video.duration || 0;
  const show = () => {
    play.textContent = video.paused ? "Play" : "Pause";
    seek.value = end() ? (1000 * video.currentTime) / end() : 0;
    time.textContent = `${video.currentTime.toFixed(1)} / ${end().toFixed(1)} s`;
  };
  const toggle = () => (video.paused ? video.play() : video.pause());
  video.controls = false;
  panel.hidden = false;
  play.onclick = video.onclick = toggle;
  seek.oninput = () => { video.currentTime = (end() * seek.value) / 1000; };
  for (const event of ["play", "pause", "timeupdate", "loadedmetadata", "seeking", "seeked"]) video.addEventListener(event, show);
  // The slider begins at the moment that the poster shows.
  video.addEventListener("loadedmetadata", () => { video.currentTime = Math.min(Number(video.dataset.poster), end()); }, { once: true });
  if (end()) video.currentTime = Math.min(Number(video.dataset.poster), end());
  show();
  for (const strip of document.querySelectorAll("svg[data-start]")) {
    strip.classList.add("seekable");
    strip.onclick = (event) => {
      const area = strip.getBoundingClientRect();
      const at = ((event.clientX - area.left) / area.width - strip.dataset.left) / (1 - strip.dataset.left);
      const second = Number(strip.dataset.start) + at * strip.dataset.length - video.dataset.start;
      video.currentTime = Math.min(Math.max(second * video.dataset.slowdown, 0), end());
    };
  }
}
