#include "loop_methods.h"
#include <string.h>
#include <time.h>

static void *run(void *context) {
    loop_checkpoints *self = context;
    pthread_mutex_lock(&self->mutex);
    while (!self->is_stopping) {
        if (!self->is_requested) {
            struct timespec deadline;
            clock_gettime(CLOCK_REALTIME, &deadline);
            deadline.tv_sec += self->seconds;
            pthread_cond_timedwait(&self->changed, &self->mutex, &deadline);
        }
        if (self->is_stopping) break;
        self->is_requested = false;
        self->is_running = true;
        pthread_mutex_unlock(&self->mutex);
        self->work(self->context);
        pthread_mutex_lock(&self->mutex);
        self->is_running = false;
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

bool loop_checkpoints_start(
    loop_checkpoints *self, int seconds, void (*work)(void *), void *context, engine_loop_failure *failure) {
    *self = (loop_checkpoints){.seconds = seconds, .work = work, .context = context};
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    int code = pthread_create(&self->thread, NULL, run, self);
    return code == 0 || loop_fail(failure, code, "pthread_create", strerror(code));
}

void loop_checkpoints_request(loop_checkpoints *self) {
    pthread_mutex_lock(&self->mutex);
    self->is_requested = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

void loop_checkpoints_wait_until_idle(loop_checkpoints *self) {
    pthread_mutex_lock(&self->mutex);
    while (self->is_requested || self->is_running) pthread_cond_wait(&self->changed, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
}

void loop_checkpoints_stop(loop_checkpoints *self) {
    pthread_mutex_lock(&self->mutex);
    self->is_stopping = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
}
